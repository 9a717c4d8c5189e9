"""The commands, one module a group; `cli` names them."""
