"""Whether a value fits a schema: jsonschema with decimals and ECMA's patterns."""
