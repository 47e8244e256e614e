"""Default values that are literals: nobody sees them but the function, when it runs, and who inspects it."""

from __future__ import annotations

import ast


def is_literal(node: ast.expr) -> bool:
    """Tell whether an expression is spelled out: to evaluate it cannot fail, and runs nothing."""
    if isinstance(node, ast.Tuple | ast.List):
        return all(is_literal(element) for element in node.elts)
    if isinstance(node, ast.Set):
        return all(isinstance(element, ast.Constant) for element in node.elts)
    if isinstance(node, ast.Dict):
        keys_are_plain = all(isinstance(key, ast.Constant) for key in node.keys)
        return keys_are_plain and all(is_literal(value) for value in node.values)
    if isinstance(node, ast.UnaryOp):
        return (
            isinstance(node.op, ast.USub)
            and isinstance(node.operand, ast.Constant)
            and isinstance(node.operand.value, int | float | complex)
        )
    return isinstance(node, ast.Constant)
