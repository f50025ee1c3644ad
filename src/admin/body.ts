import type { IncomingMessage, ServerResponse } from 'node:http'
import { OperationRefused } from './operation-refused.ts'

/** The greatest body that holds a configuration, in bytes. */
export const CONFIG_LIMIT = 16 * 1024 * 1024
/** The greatest other body, in bytes. */
export const JSON_LIMIT = 64 * 1024

/** The media types of a configuration. JSON is a subset of YAML. */
export const configTypes = ['application/json', 'application/yaml', 'application/x-yaml', 'text/yaml']

/** What a resource takes as its body. */
export interface Accepted {
  /** Media types, in lower case. */
  readonly types: readonly string[]
  /** In bytes. */
  readonly limit: number
}

/**
 * Reads the whole body as UTF-8; undefined if there is none.
 *
 * @throws OperationRefused if it is of another type, too large, or not UTF-8
 */
export async function readBody(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { types, limit }: Accepted,
): Promise<string | undefined> {
  const { headers } = incoming
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return undefined
  assertType(headers['content-type'], types)
  if (headers['content-encoding'] !== undefined) {
    throw new OperationRefused('unsupported-media-type', 'expected a body without Content-Encoding')
  }
  if (Number(headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
  if (/^100-continue$/i.test(headers.expect ?? '')) outgoing.writeContinue()
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) throw tooLarge(limit)
    chunks.push(chunk)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new OperationRefused('invalid', 'expected a body in UTF-8')
  }
}

function assertType(written: string | undefined, types: readonly string[]): void {
  const [type = '', ...parameters] = (written ?? '').split(';').map((part) => part.trim().toLowerCase())
  const isUtf8 = parameters.every(
    (parameter) => !parameter.startsWith('charset=') || /^charset="?utf-8"?$/.test(parameter),
  )
  if (types.includes(type) && isUtf8) return
  const found = written === undefined ? 'none' : JSON.stringify(written)
  throw new OperationRefused(
    'unsupported-media-type',
    `expected a Content-Type of ${types[0]} in UTF-8, found ${found}`,
  )
}

function tooLarge(limit: number): OperationRefused {
  return new OperationRefused('too-large', `expected a body of at most ${limit / 1024} KiB`)
}
