//! Formulas: expressions over scores, payload keys and conditions.

use super::Scanner;
use super::filter::{Condition, Scope};
use crate::domain::op::Filters;
use crate::domain::refusal::Refusal;
use crate::wire::json::cursor::Kind;
use crate::wire::json::errors;

impl<'a> Scanner<'a, '_> {
    /// `formula`.
    pub(super) fn formula(&mut self, filters: &mut Filters<'a>) -> Result<(), Refusal> {
        let mut scope = Scope {
            filters,
            is_nested: false,
        };
        self.expression(&mut scope)
    }

    /// `defaults` of a formula: values for payload keys and scores that are absent.
    pub(super) fn defaults(&mut self, filters: &mut Filters<'a>) -> Result<(), Refusal> {
        let mut members = self.cursor.object("defaults")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            if !key.starts_with('$') {
                filters.keys.push(key);
            }
            self.cursor.skip()?;
        }
        Ok(())
    }

    fn expression(&mut self, scope: &mut Scope<'_, 'a>) -> Result<(), Refusal> {
        match self.cursor.peek()? {
            Kind::Number => self.cursor.skip().map(drop),
            Kind::Text => {
                let variable = self.cursor.text()?;
                // `$score` and its like are the prefetches' scores; anything else is a payload key.
                if !variable.starts_with('$') {
                    scope.key(variable);
                }
                Ok(())
            }
            Kind::Object => self.expression_object(scope),
            Kind::Null | Kind::Bool | Kind::Array => {
                Err(self.cursor.fail("invalid type: expected an expression"))
            }
        }
    }

    fn expression_object(&mut self, scope: &mut Scope<'_, 'a>) -> Result<(), Refusal> {
        let mut condition = Condition::default();
        let mut operators = 0;
        let mut members = self.cursor.object("an expression")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            if self.operator(&key, scope)? {
                operators += 1;
            } else if !self.condition_member(&key, &mut condition, scope)? {
                return Err(errors::unknown(&key, "an expression"));
            }
        }
        if operators + usize::from(condition.is_there()) > 1 {
            return Err(errors::ambiguous(
                "an expression with more than one operator: split it",
            ));
        }
        condition.check()
    }

    fn operator(&mut self, key: &str, scope: &mut Scope<'_, 'a>) -> Result<bool, Refusal> {
        match key {
            "mult" | "sum" | "max" | "min" => {
                let mut items = self.cursor.array()?;
                while self.cursor.next_item(&mut items)? {
                    self.expression(scope)?;
                }
            }
            "neg" | "abs" | "sqrt" | "exp" | "log10" | "ln" | "acosh" => self.expression(scope)?,
            "div" => self.operands(&["left", "right"], &["by_zero_default"], scope)?,
            "pow" => self.operands(&["base", "exponent"], &[], scope)?,
            "lin_decay" | "exp_decay" | "gauss_decay" => {
                self.operands(&["x", "target"], &["scale", "midpoint"], scope)?;
            }
            "datetime" => {
                self.cursor.text()?;
            }
            "datetime_key" => scope.key(self.cursor.text()?),
            "geo_distance" => self.geo_distance(scope)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn operands(
        &mut self,
        expressions: &[&str],
        constants: &[&str],
        scope: &mut Scope<'_, 'a>,
    ) -> Result<(), Refusal> {
        let mut members = self.cursor.object("operands")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            if constants.contains(&key.as_ref()) {
                self.cursor.skip()?;
            } else if !expressions.contains(&key.as_ref()) {
                return Err(errors::unknown(&key, "an expression's operands"));
            } else if !self.cursor.null()? {
                self.expression(scope)?;
            }
        }
        Ok(())
    }

    fn geo_distance(&mut self, scope: &mut Scope<'_, 'a>) -> Result<(), Refusal> {
        let mut members = self.cursor.object("geo_distance")?;
        while let Some(key) = self.cursor.next_key(&mut members)? {
            match key.as_ref() {
                "origin" => {
                    self.cursor.skip()?;
                }
                "to" => scope.key(self.cursor.text()?),
                _ => return Err(errors::unknown(&key, "geo_distance")),
            }
        }
        Ok(())
    }
}
