//! The typed reads of a row's indexes: a trait `ProductReads` for everything that rows can be read
//! from.
//!
//! For `index(a, b)`: `by_a_b(a, b)`, `by_a_b_in(a, range)`, `by_a_b_prefix(a, "text")`, and for its
//! leading fields `by_a(a)`. For `key = (a, b)`: `by_a(a)`. Where two would have one name, an index
//! goes before the leading fields of an index, and these go before those of the key.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Field, Ident, ItemStruct, Type};

use crate::item::{field_name, inner_of, name, plain_name};
use crate::row::{Index, beside};

pub(crate) fn expand(item: &ItemStruct, key: &[&Field], indexes: &[Index<'_>]) -> TokenStream {
    if indexes.is_empty() && key.len() < 2 {
        return TokenStream::new();
    }
    let (row, visibility) = (&item.ident, &item.vis);
    let reads = beside(item, "Reads");
    let doc = format!("Typed reads of the indexes of [`{row}`].");
    let mut taken: Vec<String> = indexes.iter().map(|index| index.name.clone()).collect();
    let mut methods = Vec::new();
    for (place, index) in indexes.iter().enumerate() {
        methods.push(whole(row, place, index));
        methods.push(in_range(row, place, index));
        methods.push(prefix(row, place, index));
    }
    let of_indexes = indexes.iter().enumerate().map(|(place, index)| {
        let fields = index.fields.as_slice();
        (fields, quote!(index_prefix(#place, &bytes)), "index")
    });
    for (fields, read, what) in of_indexes.chain([(key, quote!(key_prefix(&bytes)), "key")]) {
        for length in 1..fields.len() {
            let leading = &fields[..length];
            let joined = joined(leading);
            if !taken.contains(&joined) {
                taken.push(joined);
                methods.push(leading_fields(row, leading, &read, what));
            }
        }
    }
    quote! {
        #[doc = #doc]
        #[allow(dead_code, reason = "an app calls those it needs")]
        #visibility trait #reads: ::deeds::__private::rows::Reads<#row> {
            #(#methods)*
        }
        impl<T: ::deeds::__private::rows::Reads<#row> + ?::std::marker::Sized> #reads for T {}
    }
}

fn joined(fields: &[&Field]) -> String {
    fields.iter().map(|field| name(field_name(field))).collect::<Vec<_>>().join("_")
}

/// How a value is passed, and how its bytes are appended to `bytes`.
///
/// Text is passed as `&str` or `String`; an optional value as an option of a reference; anything
/// else by value or by reference.
fn parameter(ident: &Ident, ty: &Type) -> (TokenStream, TokenStream) {
    let key = quote!(::deeds::__private::values::Key);
    let is_text = |ty: &Type| plain_name(ty).is_some_and(|name| name == "String");
    if is_text(ty) {
        let encode = quote!(#key::encode(#ident.as_ref(), &mut bytes););
        return (quote!(#ident: impl ::std::convert::AsRef<str>), encode);
    }
    let encode = quote!(#key::encode(&#ident, &mut bytes););
    match inner_of(ty, "Option") {
        Some(inner) if is_text(inner) => (quote!(#ident: ::std::option::Option<&str>), encode),
        Some(inner) => (quote!(#ident: ::std::option::Option<&#inner>), encode),
        None => {
            let encode = quote! {
                let value: &#ty = ::std::borrow::Borrow::borrow(&#ident);
                #key::encode(value, &mut bytes);
            };
            (quote!(#ident: impl ::std::borrow::Borrow<#ty>), encode)
        }
    }
}

/// As [`parameter`], but an optional value is passed as the value: a unique index is not read by
/// the absence of one, which many rows may share.
fn present(ident: &Ident, ty: &Type) -> (TokenStream, TokenStream) {
    let Some(inner) = inner_of(ty, "Option") else { return parameter(ident, ty) };
    let (declared, encode) = parameter(ident, inner);
    (declared, quote!(bytes.push(::deeds::__private::values::key::SOME_MARK); #encode))
}

/// The parameters, and the statements that make `bytes` of them.
fn parameters(
    fields: &[&Field],
    parameter: fn(&Ident, &Type) -> (TokenStream, TokenStream),
) -> (Vec<TokenStream>, TokenStream) {
    let each = fields.iter().map(|field| parameter(field_name(field), &field.ty));
    let (declared, encode): (Vec<_>, Vec<_>) = each.unzip();
    let bytes = if encode.is_empty() {
        quote!(let bytes = ::deeds::__private::values::KeyBytes::new();)
    } else {
        quote! {
            let mut bytes = ::deeds::__private::values::KeyBytes::new();
            #(#encode)*
        }
    };
    (declared, bytes)
}

fn whole(row: &Ident, place: usize, index: &Index<'_>) -> TokenStream {
    let method = format_ident!("by_{}", index.name);
    if index.unique {
        let (declared, bytes) = parameters(&index.fields, present);
        let doc = format!("The row with this value of the unique index `{}`.", index.name);
        return quote! {
            #[doc = #doc]
            fn #method(&self, #(#declared),*) -> ::std::option::Option<&#row> {
                #bytes
                self.index_prefix(#place, &bytes).next()
            }
        };
    }
    let (declared, bytes) = parameters(&index.fields, parameter);
    let doc = format!("The rows with this value of the index `{}`, by key.", index.name);
    quote! {
        #[doc = #doc]
        fn #method(&self, #(#declared),*) -> ::deeds::__private::rows::Rows<'_, #row> {
            #bytes
            self.index_prefix(#place, &bytes)
        }
    }
}

fn leading_fields(row: &Ident, leading: &[&Field], read: &TokenStream, what: &str) -> TokenStream {
    let (declared, bytes) = parameters(leading, parameter);
    let joined = joined(leading);
    let method = format_ident!("by_{joined}");
    let doc = format!("The rows with this `{joined}`, in the order of the rest of the {what}.");
    quote! {
        #[doc = #doc]
        fn #method(&self, #(#declared),*) -> ::deeds::__private::rows::Rows<'_, #row> {
            #bytes
            self.#read
        }
    }
}

fn in_range(row: &Ident, place: usize, index: &Index<'_>) -> TokenStream {
    let (last, leading) = index.fields.split_last().expect("an index has a field");
    let (declared, bytes) = parameters(leading, parameter);
    let method = format_ident!("by_{}_in", index.name);
    let (last_name, ty) = (field_name(last), &last.ty);
    let doc = format!("The rows whose `{}` lies in the range, in its order.", name(last_name));
    // Without a bound the range ends where the leading fields' values end.
    let unbounded = if leading.is_empty() {
        quote!(::std::ops::Bound::Unbounded)
    } else {
        quote!(::std::ops::Bound::Included(bytes.clone()))
    };
    quote! {
        #[doc = #doc]
        fn #method(
            &self,
            #(#declared,)*
            range: impl ::std::ops::RangeBounds<#ty>,
        ) -> ::deeds::__private::rows::Rows<'_, #row> {
            #bytes
            let bound = |bound: ::std::ops::Bound<&#ty>| match bound {
                ::std::ops::Bound::Unbounded => #unbounded,
                bound => bound.map(|value| {
                    let mut bytes = bytes.clone();
                    ::deeds::__private::values::Key::encode(value, &mut bytes);
                    bytes
                }),
            };
            let (low, high) = (bound(range.start_bound()), bound(range.end_bound()));
            self.index_range(#place, low, high)
        }
    }
}

fn prefix(row: &Ident, place: usize, index: &Index<'_>) -> TokenStream {
    let (last, leading) = index.fields.split_last().expect("an index has a field");
    let (declared, bytes) = parameters(leading, parameter);
    let method = format_ident!("by_{}_prefix", index.name);
    let ty = &last.ty;
    let doc = format!(
        "The rows whose `{}` starts with the text, in its order; for text only.",
        name(field_name(last))
    );
    // The lifetime defers the bound to the caller: for other types the method is there, and its
    // use says that it is for text.
    quote! {
        #[doc = #doc]
        fn #method(&self, #(#declared,)* prefix: &str) -> ::deeds::__private::rows::Rows<'_, #row>
        where
            for<'text> #ty: ::deeds::__private::values::TextKey,
        {
            #bytes
            let mut bytes = bytes;
            ::deeds::__private::values::encode_text_prefix(prefix, &mut bytes);
            self.index_prefix(#place, &bytes)
        }
    }
}
