"""Code lists that more than one column uses: lower-case words with their meaning."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def code_list(**codes: str) -> Mapping[str, str]:
    """Make a read-only code list.

    Examples
    --------
    >>> list(code_list(alive="alive at last contact", dead="died"))
    ['alive', 'dead']
    """
    return MappingProxyType(codes)


YES_NO_UNKNOWN = code_list(yes="yes", no="no", unknown="asked and not known")

POSITIVE_NEGATIVE_UNKNOWN = code_list(positive="positive", negative="negative", unknown="asked and not known")

HAEMATOLOGIC_RESPONSE = code_list(
    cr="complete remission: marrow blasts <= 5%, platelets > 100 000/uL, neutrophils > 1000/uL",
    crh="complete remission with partial haematologic recovery",
    cri="complete remission with incomplete count recovery",
    mlfs="morphologic leukaemia-free state",
    pr="partial remission",
    stable="stable disease",
    no_response="no response",
    progression="progressive disease",
    not_evaluable="assessed and not evaluable",
)

GRADE_SCALE = code_list(
    ctcae_4="Common Terminology Criteria for Adverse Events 4",
    ctcae_5="Common Terminology Criteria for Adverse Events 5",
    astct_2019="ASTCT consensus grading 2019 (cytokine release syndrome, neurotoxicity)",
    lee_2014="Lee 2014 grading of cytokine release syndrome",
)

GVHD_SCALE = code_list(
    glucksberg="Glucksberg, grades I-IV as 1-4",
    magic="MAGIC, grades I-IV as 1-4",
    nih_2014="NIH 2014: mild 1, moderate 2, severe 3",
)

TOXICITY_CATEGORY = code_list(
    crs="cytokine release syndrome",
    neurotoxicity="encephalopathy, headache, seizure, stroke and other neurological events",
    hepatotoxicity="transaminase or bilirubin increase, veno-occlusive disease",
    infection="infection and febrile neutropenia",
    pain="pain",
    other="any other adverse event",
)

ADVERSE_EVENT_TERM = code_list(
    crs="cytokine release syndrome",
    encephalopathy="encephalopathy",
    headache="headache",
    seizure="seizure",
    stroke="stroke",
    tremor="tremor",
    neurotoxicity_other="other neurological event",
    transaminase_increase="increased transaminases",
    bilirubin_increase="increased bilirubin",
    liver_failure="liver failure",
    veno_occlusive_disease="hepatic veno-occlusive disease",
    infection="infection",
    sepsis="sepsis or septic shock",
    febrile_neutropenia="febrile neutropenia",
    pain="pain",
    cytopenia="cytopenia",
    tumour_lysis_syndrome="tumour lysis syndrome",
    other="other",
)

#: Category of every adverse-event term; the toxicity views are built from it.
TERM_CATEGORY: Mapping[str, str] = MappingProxyType(
    {
        "crs": "crs",
        "encephalopathy": "neurotoxicity",
        "headache": "neurotoxicity",
        "seizure": "neurotoxicity",
        "stroke": "neurotoxicity",
        "tremor": "neurotoxicity",
        "neurotoxicity_other": "neurotoxicity",
        "transaminase_increase": "hepatotoxicity",
        "bilirubin_increase": "hepatotoxicity",
        "liver_failure": "hepatotoxicity",
        "veno_occlusive_disease": "hepatotoxicity",
        "infection": "infection",
        "sepsis": "infection",
        "febrile_neutropenia": "infection",
        "pain": "pain",
        "cytopenia": "other",
        "tumour_lysis_syndrome": "other",
        "other": "other",
    }
)

INDICATION = code_list(
    relapsed_refractory="relapsed or refractory disease",
    mrd="measurable residual disease in haematologic remission",
)
