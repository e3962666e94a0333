//! `#[command]` and `#[event]`: what is written into the chronicle under a name.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Field, Fields, Ident, ItemStruct, LitStr, Result};

use crate::item::{
    check_stored, derives, doc, field_name, name, named_fields, paths, refuse_generics,
    refuse_unstorable,
};

/// Which of the two.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Command,
    Event,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Command => "a command",
            Self::Event => "an event",
        }
    }
}

pub(crate) fn expand(kind: Kind, arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let aliases = parse_aliases(kind, arguments)?;
    let mut item: ItemStruct = parse_struct(item, kind.words())?;
    refuse_generics(&item.generics, kind.words())?;
    named_fields(&item.fields, item.ident.span(), kind.words())?;
    let personal: Vec<Ident> = take_personal(&mut item.fields);
    let fields = named_fields(&item.fields, item.ident.span(), kind.words())?;

    let (ident, doc, type_name) = (&item.ident, doc(&item.attrs), name(&item.ident));
    let personal_names = personal.iter().map(name);
    let codec = codec(&fields, &personal);
    refuse_unstorable(fields.iter().map(|field| &field.ty))?;
    let stored = check_stored(fields.iter().map(|field| &field.ty));
    let marker = match kind {
        Kind::Command => quote!(::deeds::__private::command::Command),
        Kind::Event => quote!(::deeds::__private::event::Event),
    };
    let declaration = declare(&item, &["Clone", "Debug", "PartialEq"]);
    Ok(quote! {
        #stored
        #declaration
        impl #marker for #ident {}
        impl ::deeds::__private::recorded::Recorded for #ident {
            const NAME: &'static str = #type_name;
            const ALIASES: &'static [&'static str] = &[#(#aliases),*];
            const DOC: &'static str = #doc;
            const PERSONAL: &'static [&'static str] = &[#(#personal_names),*];

            #codec

            fn schema(
                generator: &mut ::deeds::__private::schemars::SchemaGenerator,
            ) -> ::deeds::__private::schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }
    })
}

/// Reads a struct, or says that this is for structs.
pub(crate) fn parse_struct(item: TokenStream, what: &str) -> Result<ItemStruct> {
    let span = item.span();
    syn::parse2(item).map_err(|error| match error.to_string().as_str() {
        "expected `struct`" => Error::new(span, format!("{what} is a struct")),
        _ => error,
    })
}

/// The struct with its derives; a struct without fields is written as an empty object, not as
/// null, so that a field can be added later and `{}` can be sent.
pub(crate) fn declare(item: &ItemStruct, std_derives: &[&str]) -> TokenStream {
    if !matches!(item.fields, Fields::Unit) {
        let wanted = [std_derives, &["Serialize", "Deserialize", "JsonSchema"]].concat();
        let derives = derives(&item.attrs, &wanted);
        let paths = paths(quote!(deny_unknown_fields));
        return quote! { #derives #paths #item };
    }
    let std_derives = derives(&item.attrs, std_derives);
    let serde_derives = derives(&[], &["Serialize", "Deserialize", "JsonSchema"]);
    let paths = paths(quote!(deny_unknown_fields));
    let (ident, type_name) = (&item.ident, name(&item.ident));
    let docs = item.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
    quote! {
        #std_derives
        #item
        const _: () = {
            use ::deeds::__private::{schemars, serde};
            #(#docs)*
            #serde_derives
            #paths
            #[schemars(rename = #type_name)]
            struct NoFields {}

            impl serde::Serialize for #ident {
                fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                    serde::Serialize::serialize(&NoFields {}, to)
                }
            }
            impl<'de> serde::Deserialize<'de> for #ident {
                fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                    <NoFields as serde::Deserialize>::deserialize(from).map(|_| #ident)
                }
            }
            impl schemars::JsonSchema for #ident {
                fn schema_name() -> ::std::borrow::Cow<'static, str> {
                    <NoFields as schemars::JsonSchema>::schema_name()
                }
                fn schema_id() -> ::std::borrow::Cow<'static, str> {
                    ::std::concat!(::std::module_path!(), "::", #type_name).into()
                }
                fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                    <NoFields as schemars::JsonSchema>::json_schema(generator)
                }
            }
        };
    }
}

/// `encode` and `decode`: one body, or two when there are personal fields.
fn codec(fields: &[&Field], personal: &[Ident]) -> TokenStream {
    let recorded = quote!(::deeds::__private::recorded);
    if personal.is_empty() {
        return quote! {
            fn encode(&self, plain: &mut Vec<u8>, _: &mut Vec<u8>) {
                #recorded::write(self, plain);
            }
            fn decode(
                plain: &mut &[u8],
                _: Option<&[u8]>,
            ) -> Result<Self, #recorded::DecodeError> {
                #recorded::read(plain)
            }
        };
    }
    let is_personal = |field: &&&Field| personal.contains(field_name(field));
    let plain_part = part("Plain", fields.iter().filter(|field| !is_personal(field)).copied());
    let personal_part = part("Personal", fields.iter().filter(is_personal).copied());
    let (plain_write, plain_read, plain_names) = plain_part;
    let (personal_write, personal_read, personal_names) = personal_part;
    quote! {
        fn encode(&self, plain: &mut Vec<u8>, personal: &mut Vec<u8>) {
            { #plain_write #recorded::write(&part, plain); }
            { #personal_write #recorded::write(&part, personal); }
        }
        fn decode(
            plain: &mut &[u8],
            personal: Option<&[u8]>,
        ) -> Result<Self, #recorded::DecodeError> {
            #plain_read
            #personal_read
            let Plain { #(#plain_names),* } = #recorded::read(plain)?;
            let mut personal = personal.ok_or_else(|| #recorded::DecodeError {
                field: String::new(),
                reason: String::from("the personal fields are not there"),
            })?;
            let Personal { #(#personal_names),* } = #recorded::read(&mut personal)?;
            Ok(Self { #(#plain_names,)* #(#personal_names),* })
        }
    }
}

/// Some fields as a struct of their own: how to borrow them as `part`, how to declare the owned
/// form, and their names.
fn part<'a>(
    ident: &str,
    fields: impl Iterator<Item = &'a Field>,
) -> (TokenStream, TokenStream, Vec<&'a Ident>) {
    let ident = format_ident!("{ident}");
    let fields: Vec<&Field> = fields.collect();
    let serde_of = |field: &Field| -> Vec<Attribute> {
        field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")).cloned().collect()
    };
    let names: Vec<&Ident> = fields.iter().map(|field| field_name(field)).collect();
    let declared = |reference: TokenStream| {
        let each = fields.iter().map(|field| {
            let (attributes, field_name, ty) = (serde_of(field), field_name(field), &field.ty);
            quote!(#(#attributes)* #field_name: #reference #ty)
        });
        quote!(#(#each),*)
    };
    let (borrowed, owned) = (declared(quote!(&'part)), declared(TokenStream::new()));
    let serde = quote!(::deeds::__private::serde);
    let write = quote! {
        #[derive(#serde::Serialize)]
        #[serde(crate = "::deeds::__private::serde")]
        struct Part<'part> {
            #[serde(skip)]
            lifetime: ::std::marker::PhantomData<&'part ()>,
            #borrowed
        }
        let part = Part { lifetime: ::std::marker::PhantomData, #(#names: &self.#names),* };
    };
    let read = quote! {
        #[derive(#serde::Deserialize)]
        #[serde(crate = "::deeds::__private::serde", deny_unknown_fields)]
        struct #ident { #owned }
    };
    (write, read, names)
}

fn parse_aliases(kind: Kind, arguments: TokenStream) -> Result<Vec<LitStr>> {
    let mut aliases = Vec::new();
    let parser = syn::meta::parser(|meta| {
        if !meta.path.is_ident("alias") {
            let words = format!("{} takes `alias = \"OldName\"` and nothing else", kind.words());
            return Err(meta.error(words));
        }
        aliases.push(meta.value()?.parse()?);
        Ok(())
    });
    parser.parse2(arguments)?;
    Ok(aliases)
}

/// Takes `#[personal]` off the fields, marks them in the schema, and names them.
fn take_personal(fields: &mut Fields) -> Vec<Ident> {
    let mut personal = Vec::new();
    for field in fields.iter_mut() {
        let before = field.attrs.len();
        field.attrs.retain(|attribute| !attribute.path().is_ident("personal"));
        if field.attrs.len() < before {
            field.attrs.push(syn::parse_quote!(#[schemars(extend("x-personal" = true))]));
            personal.push(field_name(field).clone());
        }
    }
    personal
}
