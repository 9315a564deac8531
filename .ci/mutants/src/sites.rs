//! Finds what the mutants change in a file's syntax, and says how each is written to be switched on at run time.
//!
//! Every switch is an expression in the place of the one that it changes, on its line. Operands are evaluated once, in the order of the
//! source.

use std::ops::Range;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, BinOp, Expr, ExprBinary, ExprMatch, ExprStruct, ExprUnary, FieldValue};

use crate::mutant::{Genre, Mutant, Places};
use crate::text::{Piece, Site};

pub struct Finder<'a> {
    lines: Vec<&'a str>,
    starts: Vec<usize>,
    places: &'a mut Places,
    pub sites: Vec<Site>,
}

fn on(mutant: u32) -> String {
    format!("crate::mutant::on({mutant})")
}

fn new(text: &str) -> Piece {
    Piece::New(text.to_owned())
}

fn numbers(mutants: &[Mutant]) -> Vec<u32> {
    mutants.iter().map(|mutant| mutant.number).collect()
}

/// A chain of `if let … && …` cannot be put into another expression.
fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(ExprBinary { left, op: BinOp::And(_), right, .. }) => has_let(left) || has_let(right),
        _ => false,
    }
}

impl<'a> Finder<'a> {
    pub fn find(source: &'a str, places: &'a mut Places) -> Vec<Site> {
        let file = syn::parse_file(source).expect("the source is Rust");
        let lines: Vec<_> = source.split_inclusive('\n').collect();
        let starts = lines.iter().scan(0, |at, line| Some(std::mem::replace(at, *at + line.len()))).collect();
        let mut finder = Self { lines, starts, places, sites: Vec::new() };
        finder.bodies();
        finder.visit_file(&file);
        finder.sites
    }

    /// The octet at a line, from 1, and a column, from 0 and in characters.
    fn octet(&self, LineColumn { line, column }: LineColumn) -> usize {
        let text = self.lines[line - 1];
        self.starts[line - 1] + text.char_indices().nth(column).map_or(text.len(), |(at, _)| at)
    }

    fn range(&self, span: Span) -> Range<usize> {
        self.octet(span.start())..self.octet(span.end())
    }

    fn take(&mut self, genre: Genre, span: Span) -> Option<Vec<Mutant>> {
        let LineColumn { line, column } = span.start();
        self.places.remove(&(genre, (line, column + 1)))
    }

    /// A function returns early. cargo-mutants says where its body starts.
    fn bodies(&mut self) {
        let mut bodies: Vec<_> = self.places.keys().copied().filter(|(genre, _)| *genre == Genre::FnValue).collect();
        bodies.sort_by_key(|(_, place)| *place);
        for body in bodies {
            let (_, (line, column)) = body;
            let at = self.octet(LineColumn { line, column: column - 1 });
            let mut pieces = Vec::new();
            for Mutant { number, replacement } in self.places.remove(&body).into_iter().flatten() {
                pieces.push(Piece::Start(vec![number]));
                pieces.push(Piece::New(format!("if {} {{ return {replacement}; }} ", on(number))));
                pieces.push(Piece::End);
            }
            self.sites.push(Site { range: at..at, pieces });
        }
    }

    /// `if on(1) { FIRST } else if on(2) { SECOND } else { AS_IT_WAS }`
    fn choice(pieces: &mut Vec<Piece>, mutants: &[Mutant], mutated: impl Fn(&str) -> Vec<Piece>, as_it_was: Vec<Piece>) {
        for Mutant { number, replacement } in mutants {
            pieces.push(Piece::Start(vec![*number]));
            pieces.push(Piece::New(format!("if {} {{ ", on(*number))));
            pieces.extend(mutated(replacement));
            pieces.push(new(" }"));
            pieces.push(Piece::End);
            pieces.push(new(" else "));
        }
        pieces.push(new("{ "));
        pieces.extend(as_it_was);
        pieces.push(new(" }"));
    }

    /// False if the expression cannot be written so.
    fn binary(&mut self, expr: &ExprBinary, mutants: &[Mutant]) -> bool {
        if has_let(&expr.left) || has_let(&expr.right) {
            return false;
        }
        let op = self.range(expr.op.span());
        let (left, right) = (self.range(expr.left.span()), self.range(expr.right.span()));
        let old = |range: &Range<usize>| Piece::Old(range.clone());
        let mut pieces = vec![Piece::Start(numbers(mutants))];
        match expr.op {
            BinOp::And(_) | BinOp::Or(_) => {
                let [Mutant { number, .. }] = mutants else { panic!("`&&` and `||` have one mutant each") };
                // On, `&&` goes on to the right operand where `||` does, and the other way round.
                let compare = if matches!(expr.op, BinOp::And(_)) { "!=" } else { "==" };
                pieces.push(new("(match ("));
                pieces.push(old(&left));
                pieces.push(Piece::New(format!(") {{ __l => if __l {compare} {} {{ ", on(*number))));
                pieces.push(old(&right));
                pieces.push(new(" } else { __l } })"));
            }
            BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
                pieces.push(new("(match (&("));
                pieces.push(old(&left));
                pieces.push(new("), &("));
                pieces.push(old(&right));
                pieces.push(new(")) { (__l, __r) => "));
                let operation = |op: &str| vec![Piece::New(format!("*__l {op} *__r"))];
                let as_it_was = vec![new("*__l "), old(&op), new(" *__r")];
                Self::choice(&mut pieces, mutants, operation, as_it_was);
                pieces.push(new(" })"));
            }
            BinOp::Add(_) | BinOp::Sub(_) | BinOp::Mul(_) | BinOp::Div(_) | BinOp::Rem(_)
            | BinOp::BitAnd(_) | BinOp::BitOr(_) | BinOp::BitXor(_) | BinOp::Shl(_) | BinOp::Shr(_) => {
                pieces.push(new("(match ("));
                pieces.push(old(&left));
                pieces.push(new(", "));
                pieces.push(old(&right));
                pieces.push(new(") { (__l, __r) => "));
                let operation = |op: &str| vec![Piece::New(format!("__l {op} __r"))];
                let as_it_was = vec![new("__l "), old(&op), new(" __r")];
                Self::choice(&mut pieces, mutants, operation, as_it_was);
                pieces.push(new(" })"));
            }
            // The assignments: of numbers, so the right operand comes first.
            _ => {
                pieces.push(new("(match ("));
                pieces.push(old(&right));
                pieces.push(new(") { __r => "));
                let operation = |op: &str| vec![old(&left), Piece::New(format!(" {op} __r"))];
                let as_it_was = vec![old(&left), new(" "), old(&op), new(" __r")];
                Self::choice(&mut pieces, mutants, operation, as_it_was);
                pieces.push(new(" })"));
            }
        }
        pieces.push(Piece::End);
        self.sites.push(Site { range: self.range(expr.span()), pieces });
        true
    }

    fn unary(&mut self, expr: &ExprUnary, mutants: &[Mutant]) {
        let [Mutant { number, .. }] = mutants else { panic!("an operator is deleted once") };
        let pieces = vec![
            Piece::Start(vec![*number]),
            new("(match ("),
            Piece::Old(self.range(expr.expr.span())),
            Piece::New(format!(") {{ __e => if {} {{ __e }} else {{ ", on(*number))),
            Piece::Old(self.range(expr.op.span())),
            new("__e } })"),
            Piece::End,
        ];
        self.sites.push(Site { range: self.range(expr.span()), pieces });
    }

    /// A deleted arm is never taken; a guard is always or never so.
    fn arm(&mut self, arm: &Arm) {
        let deleted = self.take(Genre::Arm, arm.span());
        let deleted = deleted.as_deref().unwrap_or_default();
        let Some((_, guard)) = &arm.guard else {
            if let [Mutant { number, .. }] = deleted {
                let at = self.octet(arm.pat.span().end());
                let text = Piece::New(format!(" if !{}", on(*number)));
                self.sites.push(Site { range: at..at, pieces: vec![Piece::Start(vec![*number]), text, Piece::End] });
            }
            return;
        };
        let replaced = self.take(Genre::Guard, guard.span()).unwrap_or_default();
        if deleted.is_empty() && replaced.is_empty() {
            return;
        }
        let switch = |value: &str| {
            replaced.iter().find(|mutant| mutant.replacement == value).map_or("false".to_owned(), |mutant| on(mutant.number))
        };
        let gone = deleted.first().map_or("false".to_owned(), |mutant| on(mutant.number));
        let guard = self.range(guard.span());
        let pieces = vec![
            Piece::Start([numbers(deleted), numbers(&replaced)].concat()),
            Piece::New(format!("!{gone} && ({} || (!{} && (", switch("true"), switch("false"))),
            Piece::Old(guard.clone()),
            new(")))"),
            Piece::End,
        ];
        self.sites.push(Site { range: guard, pieces });
    }

    /// The field gets the value that it has in the structure after `..`.
    fn field(&mut self, field: &FieldValue, rest: &Expr, mutants: &[Mutant]) {
        let [Mutant { number, .. }] = mutants else { panic!("a field is deleted once") };
        let name = self.range(field.member.span());
        let pieces = vec![
            Piece::Start(vec![*number]),
            Piece::Old(name.clone()),
            Piece::New(format!(": if {} {{ (", on(*number))),
            Piece::Old(self.range(rest.span())),
            new(")."),
            Piece::Old(name),
            new(" } else { "),
            Piece::Old(self.range(field.expr.span())),
            new(" }"),
            Piece::End,
        ];
        self.sites.push(Site { range: self.range(field.span()), pieces });
    }
}

impl Visit<'_> for Finder<'_> {
    fn visit_expr_binary(&mut self, expr: &ExprBinary) {
        if let Some(mutants) = self.take(Genre::Binary, expr.op.span())
            && !self.binary(expr, &mutants)
        {
            let LineColumn { line, column } = expr.op.span().start();
            self.places.insert((Genre::Binary, (line, column + 1)), mutants);
        }
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &ExprUnary) {
        if let Some(mutants) = self.take(Genre::Unary, expr.op.span()) {
            self.unary(expr, &mutants);
        }
        visit::visit_expr_unary(self, expr);
    }

    /// That a `match` does not cover all cases any more is due to the arms that are gone.
    fn visit_expr_match(&mut self, expr: &ExprMatch) {
        let deleted = |arm: &Arm| {
            let LineColumn { line, column } = arm.span().start();
            Some(self.places.get(&(Genre::Arm, (line, column + 1)))?.first()?.number)
        };
        let deleted: Vec<_> = expr.arms.iter().filter_map(deleted).collect();
        if !deleted.is_empty() {
            let range = self.range(expr.span());
            let pieces = vec![Piece::Start(deleted), Piece::Old(range.clone()), Piece::End];
            self.sites.push(Site { range, pieces });
        }
        visit::visit_expr_match(self, expr);
    }

    fn visit_arm(&mut self, arm: &Arm) {
        self.arm(arm);
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, expr: &ExprStruct) {
        if let Some(rest) = &expr.rest {
            for field in &expr.fields {
                if let Some(mutants) = self.take(Genre::Field, field.span()) {
                    self.field(field, rest, &mutants);
                }
            }
        }
        visit::visit_expr_struct(self, expr);
    }
}
