/** HPACK (RFC 7541), small and slow, written independently of the program under test. */

/** Appendix A. */
const STATIC: readonly (readonly [string, string])[] = `
:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`
  .trim()
  .split('\n')
  .map((line) => {
    const [name = '', ...value] = line.split(' ')
    return [name, value.join(' ')] as const
  })

/** Appendix B as the lengths of its codes, in base 36. The code is canonical: lengths are enough. */
const CODE_LENGTHS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad67777777777777777777777878djde6f5656566657766' +
  '6567655677777fbedskmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmnqqkjmnmpqqqrrqopjlqrrqrollqq' +
  'srrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu'

/** By byte; 256 is the end of the string (EOS). */
const codes: readonly string[] = canonicalCodes([...CODE_LENGTHS].map((digit) => Number.parseInt(digit, 36)))
const symbols = new Map(codes.map((code, symbol) => [code, symbol]))

function canonicalCodes(lengths: readonly number[]): string[] {
  const bits: string[] = []
  let code = 0n
  let last = 0
  for (const { length, symbol } of lengths
    .map((length, symbol) => ({ length, symbol }))
    .sort((one, other) => one.length - other.length || one.symbol - other.symbol)) {
    code <<= BigInt(length - last)
    last = length
    bits[symbol] = code.toString(2).padStart(length, '0')
    code++
  }
  return bits
}

/** A string in Huffman code, with the end that §5.2 asks for. */
export function huffman(text: string): Buffer {
  const bits = [...text].map((character) => codes[character.charCodeAt(0)]!).join('')
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1')
  return Buffer.from((padded.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}

function huffmanText(bytes: Buffer): string {
  let text = ''
  let code = ''
  for (const bit of [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')) {
    code += bit
    const symbol = symbols.get(code)
    if (symbol === undefined) continue
    text += String.fromCharCode(symbol)
    code = ''
  }
  return text
}

/** A number with a prefix of so many bits (§5.1), in a first byte that has other bits set too. */
export function integer(value: number, prefix: number, others: number): Buffer {
  const most = 2 ** prefix - 1
  if (value < most) return Buffer.from([others | value])
  const bytes = [others | most]
  let rest = value - most
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(128 + (rest % 128))
  return Buffer.from([...bytes, rest])
}

/** A string (§5.2). */
export function string(text: string, inHuffman: boolean): Buffer {
  const bytes = inHuffman ? huffman(text) : Buffer.from(text, 'latin1')
  return Buffer.concat([integer(bytes.length, 7, inHuffman ? 0x80 : 0), bytes])
}

export type Field = readonly [name: string, value: string]

/** Reads the blocks of one side of a connection. @throws Error for what a peer should not send */
export class BlockReader {
  /** The newest first. */
  #dynamic: Field[] = []
  #maxSize = 4096
  #block: Buffer = Buffer.alloc(0)
  #at = 0

  read(block: Buffer): Field[] {
    this.#block = block
    this.#at = 0
    const fields: Field[] = []
    while (this.#at < block.length) {
      const first = block[this.#at]!
      if (first >= 0x80) fields.push(this.#entry(this.#integer(7)))
      else if (first >= 0x40) fields.push(this.#add(this.#literal(6)))
      else if (first >= 0x20) this.#resize(this.#integer(5))
      else fields.push(this.#literal(4))
    }
    return fields
  }

  #literal(prefix: number): Field {
    const index = this.#integer(prefix)
    const name = index === 0 ? this.#string() : this.#entry(index)[0]
    return [name, this.#string()]
  }

  #add(field: Field): Field {
    this.#dynamic.unshift(field)
    this.#evict()
    return field
  }

  #resize(size: number): void {
    this.#maxSize = size
    this.#evict()
  }

  #evict(): void {
    const size = () => this.#dynamic.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)
    while (size() > this.#maxSize) this.#dynamic.pop()
  }

  #entry(index: number): Field {
    const field = STATIC[index - 1] ?? this.#dynamic[index - 1 - STATIC.length]
    if (field === undefined) throw new Error(`no entry has the index ${index}`)
    return field
  }

  #integer(prefix: number): number {
    const most = 2 ** prefix - 1
    let value = this.#byte() & most
    if (value < most) return value
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte()
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }

  #string(): string {
    const isHuffman = this.#block[this.#at]! >= 0x80
    const length = this.#integer(7)
    const bytes = this.#block.subarray(this.#at, this.#at + length)
    if (bytes.length < length) throw new Error('a string does not end')
    this.#at += length
    return isHuffman ? huffmanText(bytes) : bytes.toString('latin1')
  }

  #byte(): number {
    const byte = this.#block[this.#at++]
    if (byte === undefined) throw new Error('a block does not end')
    return byte
  }
}
