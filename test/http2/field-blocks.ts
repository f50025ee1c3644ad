import { ConnectionError } from '../../src/http2/error-code.ts'
import type { HpackDecoder } from '../../src/http2/hpack/decoder.ts'
import type { Field } from '../../src/http2/hpack/field.ts'

/** The fields of a block as text, one character a byte: `name: value`. The last is the error that ends it, if one does. */
export function decodeBlock(decoder: HpackDecoder, block: Uint8Array | string): string[] {
  const bytes = typeof block === 'string' ? Buffer.from(block.replaceAll(' ', ''), 'hex') : Buffer.from(block)
  const fields: string[] = []
  const sink = {
    field({ bytes, start, nameEnd, end }: Field) {
      const line = bytes.toString('latin1', start, end)
      if (line.slice(nameEnd - start, nameEnd - start + 2) !== ': ' || !line.endsWith('\r\n'))
        throw new Error(`not a line: ${JSON.stringify(line)}`)
      fields.push(line.slice(0, -2))
    },
  }
  try {
    decoder.decode(bytes, 0, bytes.length, sink)
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    fields.push(`error ${error.code}`)
  }
  return fields
}

/** A decoder's dynamic table, the newest entry first. */
export function tableOf(decoder: HpackDecoder): string[] {
  const entries: string[] = []
  for (let index = 62; ; index++) {
    const number = index < 127 ? [0x80 | index] : [0xff, index - 127]
    const [entry] = decodeBlock(decoder, Uint8Array.from(number))
    if (entry === undefined || entry.startsWith('error')) return entries
    entries.push(entry)
  }
}

/** A field's name and value, one character a byte. */
export type FieldText = readonly [name: string, value: string]

/** A block of literal fields, without Huffman's code. */
export function literalBlock(fields: readonly FieldText[], { isIndexed = false } = {}): Buffer {
  const string = (text: string) => {
    const length =
      text.length < 127 ? [text.length] : [127, ((text.length - 127) & 0x7f) | 0x80, (text.length - 127) >> 7]
    return Buffer.concat([Buffer.from(length), Buffer.from(text, 'latin1')])
  }
  const first = Buffer.from([isIndexed ? 0x40 : 0])
  return Buffer.concat(fields.flatMap(([name, value]) => [first, string(name), string(value)]))
}
