"""Verification of signatures in PDF, CMS and XML, without the network.

pyHanko reads PDF, pyHanko and asn1crypto CMS, signxml XML; ``trust`` decides for all of them. Content is untrusted: external
references are never followed, at most 64 signatures are verified, and damaged content raises nothing.
"""

from providers.verification.inspection import inspect, unwrap
from providers.verification.report import Certificate, SignatureReport, Timestamp, Verification, VerificationStatus

__all__ = ["Certificate", "SignatureReport", "Timestamp", "Verification", "VerificationStatus", "inspect", "unwrap"]
