//! `#[id]`: a UUID of its own type.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Fields, Ident, Result};

use crate::item::{derives, name, refuse_arguments, refuse_generics};
use crate::recorded::parse_struct;

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    refuse_arguments(&arguments, "id")?;
    let item = parse_struct(item, "an id")?;
    refuse_generics(&item.generics, "an id")?;
    if !matches!(item.fields, Fields::Unit) {
        let words = format!("an id has no fields: write `#[id] struct {};`", item.ident);
        return Err(Error::new(item.ident.span(), words));
    }
    let (attributes, visibility, ident) = (&item.attrs, &item.vis, &item.ident);
    let wanted = ["Clone", "Copy", "PartialEq", "Eq", "PartialOrd", "Ord", "Hash"];
    let derives = derives(attributes, &wanted);
    let (text, encoding) = (text_form(ident), encoding(ident));
    let values = quote!(::deeds::__private::values);
    Ok(quote! {
        #derives
        #(#attributes)*
        #visibility struct #ident(#values::Uid);

        impl ::std::convert::From<#values::Uid> for #ident {
            fn from(uid: #values::Uid) -> Self {
                Self(uid)
            }
        }
        impl ::std::convert::From<#ident> for #values::Uid {
            fn from(id: #ident) -> Self {
                id.0
            }
        }
        impl #values::Key for #ident {
            fn encode(&self, out: &mut #values::KeyBytes) {
                #values::Key::encode(&self.0, out);
            }
        }
        impl #values::Stored for #ident {}
        impl #values::MapKey for #ident {}
        #text
        #encoding
    })
}

/// Its text is that of the UUID.
fn text_form(ident: &Ident) -> TokenStream {
    let values = quote!(::deeds::__private::values);
    quote! {
        impl ::std::fmt::Display for #ident {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }
        impl ::std::fmt::Debug for #ident {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }
        impl ::std::str::FromStr for #ident {
            type Err = #values::text_form::Malformed;
            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    }
}

/// It is written as the UUID; its schema has its own name.
fn encoding(ident: &Ident) -> TokenStream {
    let type_name = name(ident);
    let values = quote!(::deeds::__private::values);
    let serde = quote!(::deeds::__private::serde);
    let schemars = quote!(::deeds::__private::schemars);
    quote! {
        impl #serde::Serialize for #ident {
            fn serialize<S: #serde::Serializer>(
                &self,
                to: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                #serde::Serialize::serialize(&self.0, to)
            }
        }
        impl<'de> #serde::Deserialize<'de> for #ident {
            fn deserialize<D: #serde::Deserializer<'de>>(
                from: D,
            ) -> ::std::result::Result<Self, D::Error> {
                #serde::Deserialize::deserialize(from).map(Self)
            }
        }
        impl #schemars::JsonSchema for #ident {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                #type_name.into()
            }
            fn schema_id() -> ::std::borrow::Cow<'static, str> {
                ::std::concat!(::std::module_path!(), "::", #type_name).into()
            }
            fn json_schema(generator: &mut #schemars::SchemaGenerator) -> #schemars::Schema {
                <#values::Uid as #schemars::JsonSchema>::json_schema(generator)
            }
        }
    }
}
