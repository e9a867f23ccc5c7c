"""Which types of fields tell that two records mean the same thing."""

from schema.model import FieldType

T = FieldType
# Those by which records are looked up: what one index entry holds of them.
LEADING = (T.TEXT, T.FULL_NAME, T.EMAILS, T.PHONES, T.LINKS)
# Those that tell beside one of these, by being equal.
COMPARED = (
    *LEADING,
    T.NUMBER,
    T.DECIMAL,
    T.DATE,
    T.DATE_TIME,
    T.SELECT,
    T.BOOLEAN,
    T.UUID,
    T.RELATION,
)
