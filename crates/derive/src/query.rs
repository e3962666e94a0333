//! `#[query]`: a named read with typed arguments.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Result;

use crate::item::{
    check_stored, doc, name, named_fields, refuse_arguments, refuse_generics, refuse_unstorable,
};
use crate::recorded::{declare, parse_struct};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    refuse_arguments(&arguments, "query")?;
    let item = parse_struct(item, "a query")?;
    refuse_generics(&item.generics, "a query")?;
    let fields = named_fields(&item.fields, item.ident.span(), "a query")?;
    refuse_unstorable(fields.iter().map(|field| &field.ty))?;
    let stored = check_stored(fields.iter().map(|field| &field.ty));
    let declaration = declare(&item, &["Clone", "Debug", "PartialEq"]);
    let (ident, doc, type_name) = (&item.ident, doc(&item.attrs), name(&item.ident));
    Ok(quote! {
        #stored
        #declaration
        impl ::deeds::__private::query::Query for #ident {
            const NAME: &'static str = #type_name;
            const DOC: &'static str = #doc;
        }
    })
}
