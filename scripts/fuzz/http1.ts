import { writeRequestHead } from '../../src/forwarding/forwarded-request.ts'
import { connectionOptions } from '../../src/http1/connection-options.ts'
import { CookieNames } from '../../src/http1/cookie-names.ts'
import { framingOfRequest } from '../../src/http1/framing.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { Scratch } from '../../src/transport/scratch.ts'
import { parseRequests } from '../../test/http1/reference.ts'
import { type ReadRequest, readRequests } from '../../test/http1/request-stream.ts'
import { readResponses } from '../../test/http1/response-stream.ts'
import { allCases } from '../../test/wire/fixture.ts'
import { Mutator } from '../../test/wire/mutator.ts'
import { said, visible } from '../../test/wire/notation.ts'
import { NodeReader, type Reading, readLaxly, readStrictly } from '../../test/wire/readers.ts'

const AMPLE = { headSize: 64_000, headers: 1000 }
const node = new NodeReader({ maxHeaderSize: 128_000 })
const scratch = new Scratch()
const head = new RequestHead()

const sameText = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

/** The property that fails for these bytes from a client; undefined if none does. */
async function faultWithRequests(text: string, cuts: readonly number[]): Promise<string | undefined> {
  const bytes = Buffer.from(text, 'latin1')
  let whole: ReturnType<typeof readRequests>
  try {
    whole = readRequests(bytes, AMPLE)
    if (!sameText(whole, readRequests(bytes, AMPLE, cuts))) return `it is read differently when split at ${cuts}`
  } catch (error) {
    return `it fails with ${(error as Error).message}`
  }
  const complete = whole.unfinished || whole.fault ? whole.requests.slice(0, -1) : whole.requests
  const accepted = complete.map(({ method, target, body }) => ({ method, target, body }))
  if (!sameText(accepted, parseRequests(text).slice(0, accepted.length))) return 'it is accepted against the grammar'
  const forwarded = Buffer.from(complete.map(forward).join(''), 'latin1')
  return (
    (await faultWithForwarded(forwarded, complete.length)) ??
    differenceBetween(readStrictly(bytes, AMPLE), await node.read(bytes))
  )
}

/** The request as Limpet sends it to a server. */
function forward({ head: text, framed, body }: ReadRequest): string {
  head.parse(Buffer.from(text, 'latin1'), 0, AMPLE)
  const framing = framingOfRequest(head)
  writeRequestHead(scratch, head, framing, {
    options: connectionOptions(head),
    edits: undefined,
    client: '192.0.2.1',
    isSecure: false,
    port: 80,
    peer: '192.0.2.1',
    certificate: undefined,
    believed: undefined,
    requestId: 'id',
    serverAddress: 'server',
    hasBody: framing !== 0,
    upgrade: false,
    asksForTrailers: false,
    ownCookies: new CookieNames([]),
    trace: undefined,
    spanId: '',
  })
  const written = scratch.bytes.toString('latin1', 0, scratch.length)
  scratch.length = 0
  return written + (framed === '' ? body : framed)
}

async function faultWithForwarded(bytes: Buffer, meant: number): Promise<string | undefined> {
  const strict = readStrictly(bytes, AMPLE)
  if (strict.rest !== 'nothing') return `what is forwarded is ${strict.rest}`
  if (strict.requests.length !== meant) return `${meant} requests are forwarded as ${strict.requests.length}`
  if (!sameText(strict, readLaxly(bytes))) return 'the laxest reader finds other requests in what is forwarded'
  if (!strict.requests.every(({ method }) => NodeReader.knows(method))) return undefined
  return differenceBetween(strict, await node.read(bytes), 'in what is forwarded ')
}

/** The difference between two readings of the same bytes, if both accept them. */
function differenceBetween(ours: Reading, theirs: Reading, where = ''): string | undefined {
  const both = Math.min(ours.requests.length, theirs.requests.length)
  if (!sameText(ours.requests.slice(0, both), theirs.requests.slice(0, both)))
    return `${where}llhttp finds another request`
  if (ours.rest !== 'nothing' || theirs.rest !== 'nothing') return undefined
  if (ours.requests.length === theirs.requests.length) return undefined
  return `${where}llhttp finds ${theirs.requests.length} requests, Limpet ${ours.requests.length}`
}

/** The property that fails for these bytes from a server; undefined if none does. */
function faultWithResponses(text: string, cuts: readonly number[]): string | undefined {
  const bytes = Buffer.from(text, 'latin1')
  try {
    const whole = readResponses(bytes, AMPLE)
    return sameText(whole, readResponses(bytes, AMPLE, cuts))
      ? undefined
      : `it is read differently when split at ${cuts}`
  } catch (error) {
    return `it fails with ${(error as Error).message}`
  }
}

/** Removes parts of the text that are not needed for the fault. */
async function shrink(text: string, isFaulty: (text: string) => Promise<boolean>): Promise<string> {
  let smallest = text
  for (let size = Math.ceil(text.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length; ) {
      const shorter = smallest.slice(0, at) + smallest.slice(at + size)
      if (await isFaulty(shorter)) smallest = shorter
      else at += size
    }
  }
  return smallest
}

async function report(seed: number, fault: string, text: string, side: 'request' | 'response'): Promise<never> {
  const check = side === 'request' ? faultWithRequests : faultWithResponses
  const everyByte = (text: string) => Array.from(text, (_, index) => index)
  const smallest = await shrink(text, async (text) => (await check(text, everyByte(text))) !== undefined)
  const stillFaulty = await check(smallest, everyByte(smallest))
  console.log(`Found a fault with seed ${seed}: ${stillFaulty ?? fault}. For test/wire/fixtures/finds.md:

## ${(stillFaulty ?? fault).replace(/^./, (letter) => letter.toUpperCase())}

RFC 9112 §… Found by fuzzing, seed ${seed}.

\`\`\`${side}
${visible(stillFaulty === undefined ? text : smallest)}
\`\`\`

\`\`\`outcome
…
\`\`\``)
  process.exit(1)
}

/**
 * Feeds damaged fixtures to the parsers of HTTP/1. Prints a fixture to keep, and ends the process with code 1, as soon as one of
 * these properties is violated:
 *
 * - For any bytes, a parser throws only its own error, and its result does not depend on how the bytes are split.
 * - Accepted messages follow the grammar, according to a slow and simple reference reader; a body is forwarded unchanged.
 * - The forwarded bytes are the same requests for the strictest reader (Limpet's own), for llhttp and for the laxest reader.
 * - Bytes that both llhttp and Limpet accept are the same requests for both.
 *
 * @returns how many messages it read
 */
export async function fuzzHttp1(seed: number, seconds: number): Promise<number> {
  const cases = allCases()
  const requests = new Mutator(
    seed,
    cases.map(({ requestText }) => requestText),
  )
  const responses = new Mutator(
    seed + 1,
    cases.flatMap(({ responses }) => responses.map(({ steps }) => said(steps))).filter((text) => text !== ''),
  )
  const end = performance.now() + seconds * 1000
  let count = 0
  while (performance.now() < end) {
    const request = requests.next()
    const fault = await faultWithRequests(request, requests.cuts(request))
    if (fault !== undefined) await report(seed, fault, request, 'request')
    const response = responses.next()
    const other = faultWithResponses(response, responses.cuts(response))
    if (other !== undefined) await report(seed, other, response, 'response')
    count += 2
  }
  return count
}
