//! `#[refusal]`: an enum of codes, messages and data.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, ItemEnum, Result, Variant};

use crate::item::{
    check_stored, derives, doc, field_name, named_fields, paths, refuse_arguments, refuse_generics,
    refuse_unstorable, snake_case,
};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    refuse_arguments(&arguments, "refusal")?;
    let span = item.span();
    let item: ItemEnum = syn::parse2(item).map_err(|error| match error.to_string().as_str() {
        "expected `enum`" => Error::new(span, "a refusal is an enum: one variant for each code"),
        _ => error,
    })?;
    refuse_generics(&item.generics, "a refusal")?;
    if item.variants.is_empty() {
        let words = "a refusal has at least one variant; if the command is never refused, write \
                     `type Refusal = Never`";
        return Err(Error::new(item.ident.span(), words));
    }
    let mut cases = Vec::new();
    let mut errors: Option<Error> = None;
    for variant in &item.variants {
        match case(variant) {
            Ok(case) => cases.push(case),
            Err(error) => match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            },
        }
    }
    if let Some(errors) = errors {
        return Err(errors);
    }
    let ident = &item.ident;
    let derives = derives(&item.attrs, &["Clone", "Debug", "PartialEq", "Serialize", "JsonSchema"]);
    // Untagged: the code is beside the data, not in it.
    let paths = paths(quote!(untagged));
    let types = || item.variants.iter().flat_map(|variant| &variant.fields).map(|field| &field.ty);
    refuse_unstorable(types())?;
    let stored = check_stored(types());
    let codes = cases.iter().map(|Case { code, message, .. }| {
        quote!(::deeds::__private::refusal::RefusalCode { code: #code, message: #message })
    });
    let code_arms = cases.iter().map(|Case { pattern, code, .. }| quote!(#pattern => #code));
    let message_arms =
        cases.iter().map(|Case { filled_pattern, filled, .. }| quote!(#filled_pattern => #filled));
    Ok(quote! {
        #stored
        #derives
        #paths
        #item
        impl ::deeds::__private::refusal::Refusal for #ident {
            const CODES: &'static [::deeds::__private::refusal::RefusalCode] = &[#(#codes),*];
            fn code(&self) -> &'static str {
                match self { #(#code_arms),* }
            }
            fn message(&self) -> String {
                match self { #(#message_arms),* }
            }
        }
        impl ::std::fmt::Display for #ident {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&::deeds::__private::refusal::Refusal::message(self))
            }
        }
    })
}

/// One variant.
struct Case {
    code: String,
    message: String,
    pattern: TokenStream,
    /// The pattern that binds the fields of the message.
    filled_pattern: TokenStream,
    /// The expression that fills them in.
    filled: TokenStream,
}

fn case(variant: &Variant) -> Result<Case> {
    let (ident, span) = (&variant.ident, variant.ident.span());
    let fields = named_fields(&variant.fields, span, "a refusal")?;
    let names: Vec<String> = fields.iter().map(|field| field_name(field).to_string()).collect();
    let comment = doc(&variant.attrs);
    let message = comment.split("\n\n").next().expect("split yields a part").replace('\n', " ");
    if message.is_empty() {
        let words = format!(
            "`{ident}` has no message: write it as a doc comment above the variant, like `/// Only \
             {{left}} are left.`"
        );
        return Err(Error::new(span, words));
    }
    let mut used = Vec::new();
    for placeholder in placeholders(&message) {
        let Some(at) = names.iter().position(|name| *name == placeholder) else {
            let known = match names.as_slice() {
                [] => "it has no fields".to_owned(),
                names => format!("its fields are {}", names.join(", ")),
            };
            let words = format!("the message of `{ident}` names `{{{placeholder}}}`, but {known}");
            return Err(Error::new(span, words));
        };
        let field = field_name(fields[at]);
        if !used.contains(&field) {
            used.push(field);
        }
    }
    let filled = if used.is_empty() {
        quote!(::std::string::String::from(#message))
    } else {
        quote!(::std::format!(#message))
    };
    Ok(Case {
        code: snake_case(&ident.to_string()),
        pattern: quote!(Self::#ident { .. }),
        filled_pattern: quote!(Self::#ident { #(#used,)* .. }),
        filled,
        message,
    })
}

/// The names between braces; a doubled brace stands for one. What is not a name between braces is
/// an error of `format!`.
fn placeholders(message: &str) -> Vec<String> {
    let message = message.replace("{{", "").replace("}}", "");
    let parts = message.split('{').skip(1).filter_map(|part| part.split_once('}'));
    let name = |inside: &str| inside.split(':').next().expect("split yields a part").to_owned();
    parts.map(|(inside, _)| name(inside)).collect()
}
