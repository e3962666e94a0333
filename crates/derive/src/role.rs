//! `#[role]`: an enum of the app's roles.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, Fields, ItemEnum, Result};

use crate::item::refuse_arguments;
use crate::value;

/// Granted by those who run a deployment, not by an app.
const OPERATOR: &str = "operator";

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    refuse_arguments(&arguments, "role")?;
    let span = item.span();
    let parsed: ItemEnum = syn::parse2(item.clone())
        .map_err(|_| Error::new(span, "roles are an enum: one variant for each role"))?;
    for variant in &parsed.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new(
                variant.span(),
                "a role has no fields: it is a name in a token",
            ));
        }
        if value::written_name(variant)? == OPERATOR {
            let words = "`operator` is the role of those who run a deployment; name this one \
                         otherwise";
            return Err(Error::new(variant.span(), words));
        }
    }
    let ident = &parsed.ident;
    let value = value::expand(TokenStream::new(), item)?;
    let arms = parsed.variants.iter().map(|variant| {
        let ident = &variant.ident;
        value::written_name(variant).map(|name| quote!(Self::#ident => #name))
    });
    let arms = arms.collect::<Result<Vec<_>>>()?;
    Ok(quote! {
        #value
        impl ::deeds::__private::actor::RoleName for #ident {
            fn role_name(&self) -> &'static str {
                match self { #(#arms),* }
            }
        }
    })
}
