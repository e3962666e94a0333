//! `#[query]`: a named read with typed arguments. `#[query(scope = ...)]` says with whom its answers
//! are shared: `Everyone`, `Key(KEY)`, or `Me`, which is what goes without saying.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, Result, Token, parenthesized};

use crate::item::{check_stored, doc, name, named_fields, refuse_generics, refuse_unstorable};
use crate::recorded::{declare, parse_struct};

/// With whom the answers are shared.
enum Scope {
    Everyone,
    Key(Box<Expr>),
    Me,
}

impl Parse for Scope {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.is_empty() {
            return Ok(Self::Me);
        }
        let scope: Ident = input.parse()?;
        if scope != "scope" {
            let words = "a query's only argument is `scope = Everyone`, `Key(KEY)` or `Me`";
            return Err(Error::new(scope.span(), words));
        }
        input.parse::<Token![=]>()?;
        let with: Ident = input.parse()?;
        match with.to_string().as_str() {
            "Everyone" => Ok(Self::Everyone),
            "Me" => Ok(Self::Me),
            "Key" => {
                let key;
                parenthesized!(key in input);
                Ok(Self::Key(Box::new(key.parse()?)))
            }
            _ => Err(Error::new(with.span(), "a scope is `Everyone`, `Key(KEY)` or `Me`")),
        }
    }
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let scope: Scope = syn::parse2(arguments)?;
    let item = parse_struct(item, "a query")?;
    refuse_generics(&item.generics, "a query")?;
    let fields = named_fields(&item.fields, item.ident.span(), "a query")?;
    refuse_unstorable(fields.iter().map(|field| &field.ty))?;
    let stored = check_stored(fields.iter().map(|field| &field.ty));
    let declaration = declare(&item, &["Clone", "Debug", "PartialEq"]);
    let (ident, doc, type_name) = (&item.ident, doc(&item.attrs), name(&item.ident));
    let query = quote!(::deeds::__private::query);
    let (shared, scope) = match scope {
        Scope::Everyone => (quote!(Everyone), quote!(Everyone)),
        Scope::Key(key) => (quote!(Key), quote!(Key(#key))),
        Scope::Me => (quote!(Me), quote!(Me)),
    };
    Ok(quote! {
        #stored
        #declaration
        impl #query::Query for #ident {
            const NAME: &'static str = #type_name;
            const DOC: &'static str = #doc;
            const SHARED: #query::Shared = #query::Shared::#shared;

            fn scope(&self) -> #query::Scope {
                #query::Scope::#scope
            }
        }
    })
}
