// SPDX-License-Identifier: Apache-2.0
// Expression: the checks of the number table, compiled once. A check is one or more assignments and a final condition over the
// characters of a normalised value:
//
//   s = w(0, "65432"); ... ; c(-1) == (11 - s % 11) % 11 && n(0, 2) <= 21
//
// Integers only, no loops, no state: a value costs as many steps as the check is long. Letters count as A = 10 ... Z = 35.
// Operators as in C (|| && == != < <= > >= + - * / % !), % is never negative, x / 0 and x % 0 are 0.
// Positions below zero count from the end; a count of 0 means up to the end.
//
//   len()            characters                       n(i, k)         k digits as a number, -1 if one is none
//   c(i)             value of a character, or -1      ch(i)           its code; 'X' in a check is a code too
//   w(i, W)          weighted sum from i on           wr(k, W)        the same leftwards, beginning k before the end
//   wd(i, W)         sum of the decimal digits of the products
//   wa(i, A, W)      weighted sum of places in alphabet A       wda(i, A, W)   of the products' decimal digits
//   wm(i, M, W)      weighted sum of M's numbers (36 of them)   idx(i, A)  place in alphabet A or -1
//   pos(x)           place of the character of code x or -1
//   at(A, x)         code of the x-th character of A            tbl(W, x)  the x-th number of W
//   in(i, k, L)      the k characters are one of L ("AB|CD")    all(i, k, A)  each of the k characters is in A
//   luhn(i, k)       ISO/IEC 7812-1                   luhna(i, k, A)  the same over alphabet A
//   verhoeff(i, k), damm(i, k)                        mod(i, k, m)    remainder of the decimal number (A = 10: two digits)
//   modrot(i, k, m)  remainder of what is from i on and then the first k      luhnx(i, k)  Luhn, letters as two digits
//   mod10r(i, k)     recursive modulo 10              repeats(i, k)   10 * characters that repeat + most repeats
//   vkn()            Turkey's tax number              bitcoin()       base58check or bech32(m) with its checksum
//   hybrid(i, k, A)  ISO/IEC 7064 MOD n+1,n over an alphabet of n
//   m1110(i, k), m112(i, k), m3736(i, k)              ISO/IEC 7064: MOD 11,10; MOD 11-2; MOD 37,36
//   date(y, m, d)    a day of the calendar            country(i)      two letters of ISO 3166-1
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warden::classify {

class Expression {
 public:
  // Nothing, and the reason in `error`, when the text is no expression.
  static std::optional<Expression> compile(std::string_view text, std::string& error);
  [[nodiscard]] bool holds(std::string_view value) const;

  struct Op {
    uint8_t code;
    int64_t operand;
  };
  struct Text {
    std::string text;
    std::vector<int> numbers;  // as weights: "3,7,13", or one character each (a = 10)
  };

 private:
  friend class ExpressionParser;
  std::vector<Op> ops_;
  std::vector<Text> texts_;
};

bool is_country(std::string_view code);  // an assigned code of ISO 3166-1, or XK

}  // namespace warden::classify
