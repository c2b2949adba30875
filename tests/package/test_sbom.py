# SPDX-License-Identifier: Apache-2.0
"""The list of what the programs are made of: that it is an SPDX 2.3 document, and that it is true.

The structure is that of the specification's clauses 6 to 11 for JSON (https://spdx.github.io/spdx-spec/v2.3/).
"""

import json
import re
import unittest

import packages

HEX = {"SHA1": 40, "SHA256": 64}
ID = re.compile(r"SPDXRef-[A-Za-z0-9.-]+")
RELATIONSHIPS = {"DESCRIBES", "CONTAINS", "STATIC_LINK"}


class Sbom(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.document = json.loads((packages.OUTPUT / f"{packages.stem()}.spdx.json").read_text())

    def check_keys(self, element, required, optional=()):
        self.assertLessEqual(set(required), set(element), element)
        self.assertLessEqual(set(element), {*required, *optional}, element)

    def check_checksums(self, checksums):
        for checksum in checksums:
            self.check_keys(checksum, ("algorithm", "checksumValue"))
            self.assertRegex(checksum["checksumValue"], rf"^[0-9a-f]{{{HEX[checksum['algorithm']]}}}$")

    def test_document(self):
        self.check_keys(self.document, ("spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo", "packages", "files",
                                        "relationships"))
        self.assertEqual(self.document["spdxVersion"], "SPDX-2.3")
        self.assertEqual(self.document["dataLicense"], "CC0-1.0")
        self.assertEqual(self.document["SPDXID"], "SPDXRef-DOCUMENT")
        self.assertRegex(self.document["documentNamespace"], r"^https://[^#\s]+$")
        created = self.document["creationInfo"]
        self.check_keys(created, ("created", "creators"))
        self.assertRegex(created["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        for creator in created["creators"]:
            self.assertRegex(creator, r"^(Tool|Organization|Person): \S")

    def test_packages(self):
        for package in self.document["packages"]:
            self.check_keys(package, ("SPDXID", "name", "downloadLocation"),
                            ("versionInfo", "supplier", "filesAnalyzed", "sourceInfo", "licenseConcluded", "licenseDeclared", "copyrightText",
                             "externalRefs", "homepage", "primaryPackagePurpose", "packageFileName", "checksums"))
            self.check_checksums(package.get("checksums", ()))
            # Clause 7.8: with files analysed there would have to be a verification code.
            self.assertIs(package["filesAnalyzed"], False)
            for reference in package.get("externalRefs", ()):
                self.check_keys(reference, ("referenceCategory", "referenceType", "referenceLocator"))
                self.assertEqual(reference["referenceCategory"], "PACKAGE-MANAGER")
                self.assertRegex(reference["referenceLocator"], r"^pkg:deb/debian/[A-Za-z0-9.%-]+@[A-Za-z0-9.:%-]+\?arch=[a-z0-9]+$")

    def test_files(self):
        for file in self.document["files"]:
            self.check_keys(file, ("SPDXID", "fileName", "checksums"), ("fileTypes", "licenseConcluded", "licenseInfoInFiles", "copyrightText"))
            self.assertRegex(file["fileName"], r"^\./")
            self.assertIn("SHA1", [checksum["algorithm"] for checksum in file["checksums"]])  # clause 8.4
            self.check_checksums(file["checksums"])

    def test_relationships(self):
        elements = [self.document, *self.document["packages"], *self.document["files"]]
        names = [element["SPDXID"] for element in elements]
        self.assertEqual(len(names), len(set(names)))
        for name in names:
            self.assertRegex(name, ID)
        related = set()
        for relationship in self.document["relationships"]:
            self.check_keys(relationship, ("spdxElementId", "relationshipType", "relatedSpdxElement"), ("comment",))
            self.assertIn(relationship["relationshipType"], RELATIONSHIPS)
            self.assertLessEqual({relationship["spdxElementId"], relationship["relatedSpdxElement"]}, set(names))
            related |= {relationship["spdxElementId"], relationship["relatedSpdxElement"]}
        self.assertEqual(related, set(names), "every element has a place")

    def test_checksums_are_those_of_the_programs(self):
        for file in self.document["files"]:
            for checksum in file["checksums"]:
                self.assertEqual(packages.digest(packages.files() / file["fileName"], checksum["algorithm"].lower()), checksum["checksumValue"])

    def test_checksums_are_those_of_the_packages(self):
        archives = [package for package in self.document["packages"] if "packageFileName" in package]
        self.assertEqual(len(archives), 2)
        for package in archives:
            for checksum in package["checksums"]:
                self.assertEqual(packages.digest(packages.OUTPUT / package["packageFileName"], checksum["algorithm"].lower()), checksum["checksumValue"])

    def linked_into(self, program):
        names = {package["SPDXID"]: package for package in self.document["packages"]}
        return {names[relationship["relatedSpdxElement"]]["name"]: (names[relationship["relatedSpdxElement"]], relationship["comment"])
                for relationship in self.document["relationships"]
                if relationship["relationshipType"] == "STATIC_LINK" and relationship["spdxElementId"] == f"SPDXRef-File-{program}"}

    def test_each_program_has_its_own_parts(self):
        """What the design says of the two programs: no JSON tree, no command line parser, none of the libraries of the field in aa-shim."""
        shim, ctl = self.linked_into("aa-shim"), self.linked_into("aa-shimctl")
        self.assertLessEqual({"libc6-dev", "libstdc++-12-dev", "libgcc-12-dev"}, set(shim))
        self.assertEqual(set(ctl) - set(shim), {"libapparmor-dev", "libcap-dev", "libcli11-dev", "libseccomp-dev", "nlohmann-json3-dev"})
        self.assertEqual(ctl["libseccomp-dev"][1], "objects of it are linked")
        self.assertEqual(ctl["nlohmann-json3-dev"][1], "headers of it are compiled in")

    def test_versions_are_those_of_this_system(self):
        for name, (package, _) in self.linked_into("aa-shimctl").items():
            self.assertEqual(package["versionInfo"], packages.run("dpkg-query", "-W", "-f", "${Version}", name), name)
