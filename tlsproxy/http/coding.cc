// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/http/coding.h"

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>

#include "agent/base/check.h"
#include "tlsproxy/http/head.h"

namespace warden::http {
namespace {

enum class Step : uint8_t { more, end, corrupt };

struct Window {
  const char* in;
  size_t in_left;
  char* out;
  size_t out_left;
};

// The loop that all codings share: it offers the codec one byte more than is still allowed, so that a bomb
// shows itself by that byte and not by its size.
class BoundedDecoder : public Decoder {
 public:
  explicit BoundedDecoder(uint64_t bytes_max) : left_(bytes_max) {}

  Result<void, CodingError> decode(std::string_view bytes, const Sink& sink) final {
    if (failed_) return fail(error_);
    if (bytes.empty()) return {};
    begun_ = true;
    std::array<char, 16 * 1024> buffer;
    Window window{bytes.data(), bytes.size(), nullptr, 0};
    while (true) {
      if (ended_ && window.in_left > 0) {
        if (!next_member(*window.in)) return refuse(CodingError::trailing_data);
        ended_ = false;
      }
      const auto room = static_cast<size_t>(std::min<uint64_t>(buffer.size(), left_ + 1));
      window.out = buffer.data();
      window.out_left = room;
      const Step result = step(window);
      if (result == Step::corrupt) return refuse(CodingError::corrupt);
      const size_t made = room - window.out_left;
      if (made > 0 && !sink({buffer.data(), static_cast<size_t>(std::min<uint64_t>(made, left_))}))
        return refuse(CodingError::stopped);
      if (made > left_) return refuse(CodingError::too_large);
      left_ -= made;
      ended_ = result == Step::end;
      if (window.in_left == 0 && (ended_ || window.out_left > 0)) return {};
    }
  }

  using Decoder::decode;

  Result<void, CodingError> finish() final {
    if (failed_) return fail(error_);
    if (begun_ && !ended_) return refuse(CodingError::truncated);
    return {};
  }

 protected:
  // Moves the window on; must consume or produce something, or report `corrupt`.
  virtual Step step(Window& window) = 0;
  // Data stands after the end: may another member follow that starts with this byte?
  virtual bool next_member(char) { return false; }

 private:
  std::unexpected<Error<CodingError>> refuse(CodingError code) {
    failed_ = true;
    error_ = code;
    return fail(code);
  }

  uint64_t left_;
  bool begun_ = false;
  bool ended_ = false;
  bool failed_ = false;
  CodingError error_ = CodingError::corrupt;
};

class IdentityDecoder final : public BoundedDecoder {
 public:
  using BoundedDecoder::BoundedDecoder;

 private:
  Step step(Window& w) override {
    const size_t count = std::min(w.in_left, w.out_left);
    std::copy_n(w.in, count, w.out);
    w = {w.in + count, w.in_left - count, w.out + count, w.out_left - count};
    return w.in_left == 0 ? Step::end : Step::more;
  }
  bool next_member(char) override { return true; }
};

constexpr int kGzipBits = 15 + 16;
constexpr int kZlibBits = 15;
constexpr int kRawBits = -15;

// gzip (RFC 1952, several members) and deflate: zlib-wrapped (RFC 1950), or raw (RFC 1951) as some peers send
// it.
class ZlibDecoder final : public BoundedDecoder {
 public:
  ZlibDecoder(bool gzip, uint64_t bytes_max) : BoundedDecoder(bytes_max), gzip_(gzip) {
    if (gzip) start(kGzipBits);
  }
  ~ZlibDecoder() override {
    if (started_) inflateEnd(&stream_);
  }
  ZlibDecoder(const ZlibDecoder&) = delete;
  ZlibDecoder& operator=(const ZlibDecoder&) = delete;

 private:
  void start(int bits) {
    WARDEN_CHECK(inflateInit2(&stream_, bits) == Z_OK);  // fails only for want of memory
    started_ = true;
  }

  Step step(Window& w) override {
    if (!started_) {
      // The low nibble of a zlib header is 8 (deflate) and its window at most 7; no raw stream of an encoder
      // in use opens so.
      const auto first = static_cast<unsigned char>(*w.in);
      start((first & 0x0f) == 8 && (first >> 4) <= 7 ? kZlibBits : kRawBits);
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(w.in));
    stream_.avail_in = static_cast<uInt>(std::min<size_t>(w.in_left, 1U << 30));
    stream_.next_out = reinterpret_cast<Bytef*>(w.out);
    stream_.avail_out = static_cast<uInt>(w.out_left);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    const char* in_now = reinterpret_cast<const char*>(stream_.next_in);
    w = {in_now, w.in_left - static_cast<size_t>(in_now - w.in), reinterpret_cast<char*>(stream_.next_out),
         stream_.avail_out};
    if (result == Z_STREAM_END) return Step::end;
    return result == Z_OK || (result == Z_BUF_ERROR && w.in_left == 0) ? Step::more : Step::corrupt;
  }

  bool next_member(char first) override {
    return gzip_ && static_cast<unsigned char>(first) == 0x1f && inflateReset(&stream_) == Z_OK;
  }

  bool gzip_;
  bool started_ = false;
  z_stream stream_{};
};

class BrotliDecoder final : public BoundedDecoder {
 public:
  explicit BrotliDecoder(uint64_t bytes_max)
      : BoundedDecoder(bytes_max), state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
    WARDEN_CHECK(state_ != nullptr);
  }
  ~BrotliDecoder() override { BrotliDecoderDestroyInstance(state_); }
  BrotliDecoder(const BrotliDecoder&) = delete;
  BrotliDecoder& operator=(const BrotliDecoder&) = delete;

 private:
  Step step(Window& w) override {
    auto* in = reinterpret_cast<const uint8_t*>(w.in);
    auto* out = reinterpret_cast<uint8_t*>(w.out);
    const auto result = BrotliDecoderDecompressStream(state_, &w.in_left, &in, &w.out_left, &out, nullptr);
    w.in = reinterpret_cast<const char*>(in);
    w.out = reinterpret_cast<char*>(out);
    if (result == BROTLI_DECODER_RESULT_SUCCESS) return Step::end;
    return result == BROTLI_DECODER_RESULT_ERROR ? Step::corrupt : Step::more;
  }

  ::BrotliDecoderState* state_;
};

// zstd (RFC 8878, several frames), windows up to the 8 MiB that RFC 9659 lets a sender use.
class ZstdDecoder final : public BoundedDecoder {
 public:
  explicit ZstdDecoder(uint64_t bytes_max) : BoundedDecoder(bytes_max), context_(ZSTD_createDCtx()) {
    WARDEN_CHECK(context_ != nullptr);
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, 23);
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;

 private:
  Step step(Window& w) override {
    ZSTD_inBuffer in{w.in, w.in_left, 0};
    ZSTD_outBuffer out{w.out, w.out_left, 0};
    const size_t result = ZSTD_decompressStream(context_, &out, &in);
    w = {w.in + in.pos, w.in_left - in.pos, w.out + out.pos, w.out_left - out.pos};
    if (ZSTD_isError(result) != 0) return Step::corrupt;
    return result == 0 ? Step::end : Step::more;
  }
  // A frame starts with 28 B5 2F FD, a skippable one with 5x 2A 4D 18.
  bool next_member(char first) override {
    const auto byte = static_cast<unsigned char>(first);
    return byte == 0x28 || (byte & 0xf0) == 0x50;
  }

  ZSTD_DCtx* context_;
};

using Block = std::array<char, 16 * 1024>;

bool deflate_all(int bits, std::string_view bytes, const Sink& sink) {
  z_stream stream{};
  WARDEN_CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Block block;
  bool taken = true;
  for (int result = Z_OK; taken && result != Z_STREAM_END;) {
    const auto part = static_cast<uInt>(std::min<size_t>(bytes.size(), 1U << 30));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = part;
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    result = deflate(&stream, part == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    WARDEN_CHECK(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
    bytes.remove_prefix(part - stream.avail_in);
    taken = sink({block.data(), block.size() - stream.avail_out});
  }
  deflateEnd(&stream);
  return taken;
}

bool brotli_all(std::string_view bytes, const Sink& sink) {
  constexpr uint32_t kQuality = 5;  // the knee of its curve: half the time of 6 for about the same size
  const std::unique_ptr<::BrotliEncoderState, void (*)(::BrotliEncoderState*)> state(
      BrotliEncoderCreateInstance(nullptr, nullptr, nullptr), BrotliEncoderDestroyInstance);
  WARDEN_CHECK(state != nullptr);
  BrotliEncoderSetParameter(state.get(), BROTLI_PARAM_QUALITY, kQuality);
  BrotliEncoderSetParameter(state.get(), BROTLI_PARAM_MODE, BROTLI_MODE_TEXT);
  size_t in_left = bytes.size();
  auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
  Block block;
  while (BrotliEncoderIsFinished(state.get()) == BROTLI_FALSE) {
    auto* out = reinterpret_cast<uint8_t*>(block.data());
    size_t out_left = block.size();
    WARDEN_CHECK(BrotliEncoderCompressStream(state.get(), BROTLI_OPERATION_FINISH, &in_left, &in, &out_left, &out,
                                             nullptr) == BROTLI_TRUE);
    if (!sink({block.data(), block.size() - out_left})) return false;
  }
  return true;
}

bool zstd_all(std::string_view bytes, const Sink& sink) {
  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  WARDEN_CHECK(context != nullptr);
  ZSTD_CCtx_setPledgedSrcSize(context.get(), bytes.size());
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  Block block;
  for (size_t left = 1; left != 0;) {
    ZSTD_outBuffer out{block.data(), block.size(), 0};
    left = ZSTD_compressStream2(context.get(), &out, &in, ZSTD_e_end);
    WARDEN_CHECK(ZSTD_isError(left) == 0);
    if (!sink({block.data(), out.pos})) return false;
  }
  return true;
}

}  // namespace

std::optional<Coding> coding_of(std::string_view content_encoding) {
  if (content_encoding.empty() || same_word(content_encoding, "identity")) return Coding::identity;
  if (same_word(content_encoding, "gzip") || same_word(content_encoding, "x-gzip")) return Coding::gzip;
  if (same_word(content_encoding, "deflate")) return Coding::deflate;
  if (same_word(content_encoding, "br")) return Coding::br;
  if (same_word(content_encoding, "zstd")) return Coding::zstd;
  return std::nullopt;
}

std::unique_ptr<Decoder> Decoder::make(Coding coding, uint64_t bytes_max) {
  switch (coding) {
    case Coding::gzip:
      return std::make_unique<ZlibDecoder>(true, bytes_max);
    case Coding::deflate:
      return std::make_unique<ZlibDecoder>(false, bytes_max);
    case Coding::br:
      return std::make_unique<BrotliDecoder>(bytes_max);
    case Coding::zstd:
      return std::make_unique<ZstdDecoder>(bytes_max);
    case Coding::identity:
      break;
  }
  return std::make_unique<IdentityDecoder>(bytes_max);
}

Result<void, CodingError> Decoder::decode(std::string_view bytes, std::string& out) {
  return decode(bytes, [&out](std::string_view made) {
    out += made;
    return true;
  });
}

bool encode(Coding coding, std::string_view bytes, const Sink& sink) {
  switch (coding) {
    case Coding::gzip:
      return deflate_all(kGzipBits, bytes, sink);
    case Coding::deflate:
      return deflate_all(kZlibBits, bytes, sink);
    case Coding::br:
      return brotli_all(bytes, sink);
    case Coding::zstd:
      return zstd_all(bytes, sink);
    case Coding::identity:
      break;
  }
  return sink(bytes);
}

std::string encode(Coding coding, std::string_view bytes) {
  std::string out;
  encode(coding, bytes, [&out](std::string_view made) {
    out += made;
    return true;
  });
  return out;
}

}  // namespace warden::http
