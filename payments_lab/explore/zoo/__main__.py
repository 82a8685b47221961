"""``python -m payments_lab.explore.zoo`` prints the zoo as a page of the docs."""

from payments_lab.explore.zoo.page import page

print(page(), end="")
