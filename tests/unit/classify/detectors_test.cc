// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/classify/scan_text.h"

namespace warden::classify {
namespace {

TEST(Cards, NeedIssuerLengthLuhnAndGrouping) {
  EXPECT_EQ(scan_text("pay with 4539 1488 0343 6467 today"), "pan.visa=4539 1488 0343 6467");
  EXPECT_EQ(scan_text("4539-1488-0343-6467"), "pan.visa=4539-1488-0343-6467");
  EXPECT_EQ(scan_text("4 5 3 9 1 4 8 8 0 3 4 3 6 4 6 7"), "pan.visa=4 5 3 9 1 4 8 8 0 3 4 3 6 4 6 7");
  EXPECT_EQ(scan_text("378734493671019 is amex"), "");  // Luhn
  EXPECT_EQ(scan_text("4539 1488 0343 6468"), "");      // Luhn
  EXPECT_EQ(scan_text("x4539148803436467"), "");        // part of a token
  EXPECT_EQ(scan_text("45 39148803 436467"), "");       // no card is grouped so
  EXPECT_EQ(scan_text("card number 45 39148803 436467"), "pan.visa=45 39148803 436467");
  EXPECT_EQ(scan_text("1111 4539 1488 0343 6467 2222"), "");  // columns of a table
  EXPECT_EQ(scan_text("order id: 4539148803436467"), "pan.visa=4539148803436467");
  EXPECT_EQ(scan_text("0.4539148803436467"), "");  // a fraction
  EXPECT_EQ(scan_text("45AF 4539 1488 0343 6467"), "");  // code points
  EXPECT_EQ(scan_text("4539 1488 0343 6467 44FE"), "");
  EXPECT_EQ(scan_text("; [.4300.0020.0011.0002] #"), "");
  EXPECT_EQ(scan_text("4539 1488 0343 6467\n4539 1488 0343 6467"), "pan.visa=4539 1488 0343 6467; pan.visa=4539 1488 0343 6467");
}

TEST(Cards, DocumentedNumbersAreSuppressed) {
  EXPECT_EQ(scan_text("4111111111111111"), "pan.visa=4111111111111111 suppressed");
  EXPECT_EQ(scan_text("4242 4242 4242 4242"), "pan.visa=4242 4242 4242 4242 suppressed");
  EXPECT_EQ(scan_text("378282246310005"), "pan.amex=378282246310005 suppressed");
}

TEST(Ssn, FormattedOrLabelled) {
  EXPECT_EQ(scan_text("536-22-8741"), "us.ssn=536-22-8741");
  EXPECT_EQ(scan_text("536228741"), "");
  EXPECT_EQ(scan_text("SSN 536228741"), "us.ssn=536228741");
  EXPECT_EQ(scan_text("customerSsn=536228741"), "us.ssn=536228741");
  EXPECT_EQ(scan_text("lessn 536228741"), "");
  EXPECT_EQ(scan_text("536228741", Encoding::json_string, "customer_ssn"), "us.ssn=536228741");
  EXPECT_EQ(scan_text("536228741", Encoding::json_scalar, "build"), "");
  EXPECT_EQ(scan_text("666-22-8741, 000-22-8741, 536-00-8741, 536-22-0000"), "");
  EXPECT_EQ(scan_text("ssn: 666-22-8741"), "us.ssn.other=666-22-8741 asserted");  // named so, whatever it is
  EXPECT_EQ(scan_text("078-05-1120"), "us.ssn=078-05-1120 suppressed");
  EXPECT_EQ(scan_text("itin 912-72-1234"), "us.itin=912-72-1234");
}

TEST(Iban, CountryLengthShapeAndCheck) {
  EXPECT_EQ(scan_text("to DE44 5001 0517 5407 3249 31 please"), "iban=DE44 5001 0517 5407 3249 31");
  EXPECT_EQ(scan_text("NO8330001234567"), "iban=NO8330001234567");
  EXPECT_EQ(scan_text("DE44500105175407324932"), "");
  EXPECT_EQ(scan_text("DE4450010517540732493"), "");
  EXPECT_EQ(scan_text("GB82 WEST 1234 5698 7654 32"), "iban=GB82 WEST 1234 5698 7654 32 suppressed");
}

TEST(Uk, NinoAndNhs) {
  EXPECT_EQ(scan_text("NINO JK 12 34 57 C"), "uk.nino=JK 12 34 57 C");
  EXPECT_EQ(scan_text("JK123457C"), "uk.nino=JK123457C");
  EXPECT_EQ(scan_text("QQ123457C, GB123457C, DA123457C"), "");
  EXPECT_EQ(scan_text("NHS number 561 149 1480"), "uk.nhs=561 149 1480");
  EXPECT_EQ(scan_text("NHS number 561 149 1481"), "uk.nhs=561 149 1481 asserted");
  EXPECT_EQ(scan_text("build 5611491480"), "");
}

TEST(Spain, ControlLetter) {
  EXPECT_EQ(scan_text("DNI 48291735-" + std::string(1, "TRWAGMYFPDXBNJZSQVHLCKE"[48291735 % 23])),
            "es.dni_nif=48291735-" + std::string(1, "TRWAGMYFPDXBNJZSQVHLCKE"[48291735 % 23]));
  EXPECT_EQ(scan_text("48291735-I"), "");
  EXPECT_EQ(scan_text("12345678Z"), "es.dni_nif=12345678Z suppressed");
  EXPECT_EQ(scan_text("X1234567L"), "es.nie=X1234567L suppressed");
  EXPECT_EQ(scan_text("Y4829173" + std::string(1, "TRWAGMYFPDXBNJZSQVHLCKE"[14829173 % 23])),
            "es.nie=Y4829173" + std::string(1, "TRWAGMYFPDXBNJZSQVHLCKE"[14829173 % 23]));
}

TEST(Contact, EmailBounds) {
  EXPECT_EQ(scan_text("<jane.o'neill+x@mail.acme-corp.com>."), "pii.email=jane.o'neill+x@mail.acme-corp.com");
  EXPECT_EQ(scan_text("mailto:jane@acme.io?subject=x"), "pii.email=jane@acme.io");
  EXPECT_EQ(scan_text("logo@2x.png a@b @home x@localhost foo@bar..com"), "");
  EXPECT_EQ(scan_text("jane@example.com git@github.com"),
            "pii.email=jane@example.com suppressed; pii.email=git@github.com suppressed");
}

TEST(Contact, Phones) {
  EXPECT_EQ(scan_text("call +44 20 7946 1958 now"), "pii.phone_e164=+44 20 7946 1958");
  EXPECT_EQ(scan_text("call +44 (0)20 7946 1958 now"), "pii.phone_e164=+44 (0)20 7946 1958");
  EXPECT_EQ(scan_text("tel:+49-30-1234567"), "pii.phone_e164=tel:+49-30-1234567");
  EXPECT_EQ(scan_text("+1 212 456 78"), "");
  EXPECT_EQ(scan_text("(212) 456-7890"), "pii.phone_national=(212) 456-7890");
  EXPECT_EQ(scan_text("06 12 34 56 79"), "pii.phone_national=06 12 34 56 79");
  EXPECT_EQ(scan_text("2124567890 1700000000 20261123"), "");
  EXPECT_EQ(scan_text("Telefon: 089/1234567"), "pii.phone_national=089/1234567");
  EXPECT_EQ(scan_text("+1 202-555-0143"), "pii.phone_e164=+1 202-555-0143 suppressed");
}

}  // namespace
}  // namespace warden::classify
