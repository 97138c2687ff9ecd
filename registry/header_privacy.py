"""Names of columns that say that the column tells who a patient is.

A registry has no such column, so that the name is one that no table knows: the file is refused, and the
message says what kind of column it is and where it stands. Languages are those of the hospitals that may send.
"""

from __future__ import annotations

import re
import unicodedata

#: Kind of identifier, and the whole names (lower case, words joined by underscores) that mean it.
_KINDS = {
    "name of a person": (
        "((first|last|family|given|maiden|middle|full|sur|patient|pat|doctor|physician|mother|father)_?)?names?"
        "|name_(of_)?(the_)?patient|patient_?(first|last|full)_?name|surname|forename|initials|patient_initials"
        "|(vor|nach|zu|familien|geburts|patienten)_?name|prenom|nom(_de_famille|_patient)?|nombre|apellidos?"
        "|nome|cognome"
    ),
    "record or insurance number": (
        "mrn|ssn|nhs(_(number|no))?|(medical_|patient_|hospital_)?record_(number|no|id)|hospital_(number|no|id)"
        "|(patient_|case_)(number|no|nr)|(patienten?|fall|aufnahme)_?(nummer|nr|id)|ipp|nir"
        "|social_security(_(number|no))?|(health_)?insurance_(number|no|id)|versicherten_?(nummer|nr)"
        "|kranken_?kassen_?(nummer|nr)|passport(_(number|no))?|id_card(_(number|no))?|dni|codice_fiscale"
    ),
    "full date of birth": (
        "dob|d_o_b|birth_?(date|day)|date_?of_?birth|(patient_)?birth_?date|born(_on)?|geb(urts)?_?(datum|tag)"
        "|geb_?dat|date_(de_)?naissance|fecha_(de_)?nacimiento|data_(di_)?nascita"
    ),
    "telephone number, e-mail or web address": (
        "(tele)?phone(_?(number|no))?|(home_|work_|mobile_|cell_)?phone|mobile|fax(_?(number|no))?"
        "|telefon(_?nummer|_?nr)?|handy(_?nummer)?|telefono|e_?mail(_?(address|adresse))?|url|website|ip(_address)?"
    ),
    "postal address": (
        "(home_|postal_|mail_|mailing_)?address(_?(line)?_?[0-9])?|street|zip(_?code)?|post(al)?_?code|plz"
        "|postleitzahl|stra(ss|s)e|wohnort|wohnadresse|adresse|anschrift|direccion|indirizzo|city|town|village"
    ),
    "free text": (
        "(free_?)?text|comments?|remarks?|notes?|free_?text_?notes?|narrative|bemerkung(en)?|kommentare?|anmerkung(en)?"
        "|freitext|commentaires?|remarques?|observaciones|comentarios?|note_cliniche"
    ),
    "picture": "photo(graph)?|picture|image|foto",
}

_MEANS = {kind: re.compile(names) for kind, names in _KINDS.items()}

_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def plain_name(name: str) -> str:
    """Write a name as columns are named: lower case, no accents, words joined by underscores.

    Examples
    --------
    >>> plain_name(" Patient-ID "), plain_name("dateOfBirth")
    ('patient_id', 'date_of_birth')
    """
    letters = _HUMP.sub("_", name.strip()).replace("\N{LATIN SMALL LETTER SHARP S}", "ss")
    ascii_only = unicodedata.normalize("NFKD", letters).encode("ascii", "ignore").decode()
    return _BETWEEN_WORDS.sub("_", ascii_only.lower()).strip("_")


def identifying_kind(name: str) -> str:
    """Say what kind of identifier a column's name stands for; empty if none.

    Examples
    --------
    >>> identifying_kind("Geburtsdatum"), identifying_kind("MRN"), identifying_kind("drug_name")
    ('full date of birth', 'record or insurance number', '')
    """
    plain = plain_name(name)
    return next((kind for kind, pattern in _MEANS.items() if pattern.fullmatch(plain)), "")
