import { MessageError } from '../../src/http1/message-error.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { ConnectionError } from '../../src/http2/error-code.ts'
import { FrameReader } from '../../src/http2/frames/frame-reader.ts'
import { RequestLines } from '../../src/http2/heads/request-lines.ts'
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts'
import { FrameMutator } from '../../test/http2/frame-mutator.ts'
import { FrameRecorder, LIMITS, pieces } from '../../test/http2/frames.ts'

const HEAD_LIMITS = { headSize: 1000, headers: 100 }
const head = new RequestHead()
const lines = new RequestLines()

/** Notes heads as the text that they become. */
class HeadRecorder extends FrameRecorder {
  readonly #decoder = new HpackDecoder()

  override headers(
    streamId: number,
    block: Buffer,
    from: number,
    to: number,
    isLast: boolean,
    dependsOn: number,
  ): void {
    super.headers(streamId, block, from, to, isLast, dependsOn)
    lines.begin(HEAD_LIMITS.headSize)
    this.#decoder.decode(block, from, to, lines)
    lines.finish()
    const { fault, isTooLarge, length } = lines
    if (length > HEAD_LIMITS.headSize + 200) throw new Error(`a head of ${length} bytes was put together`)
    this.calls.push(fault || (isTooLarge ? 'too large' : textOf(Buffer.from(lines.bytes.subarray(0, length)))))
  }
}

/** The text of a head; RequestHead may refuse it, and must not find that it goes on or has ended before. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString('latin1')
  try {
    if (!head.parse(bytes, 0, HEAD_LIMITS) || head.end !== bytes.length) throw new Error(`not one head: ${text}`)
  } catch (error) {
    if (!(error instanceof MessageError)) throw error
  }
  return text.replace(/sec-websocket-key: .*/, '')
}

function read(bytes: Buffer, cuts: readonly number[]): string[] {
  const recorder = new HeadRecorder()
  const reader = new FrameReader(recorder, 'server', LIMITS)
  try {
    for (const piece of pieces(bytes, cuts)) reader.read(piece)
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    recorder.calls.push(`${error.code} ${error.message}`)
  }
  return recorder.calls
}

/** The property that fails for these bytes from a client; undefined if none does. */
function faultWith(bytes: Buffer, cuts: readonly number[]): string | undefined {
  try {
    const whole = read(bytes, [])
    const split = read(bytes, cuts)
    return JSON.stringify(whole) === JSON.stringify(split) ? undefined : `it is read differently when split at ${cuts}`
  } catch (error) {
    return `it fails with ${(error as Error).stack}`
  }
}

/**
 * Feeds damaged connections to the codec of HTTP/2. Prints the bytes, and ends the process with code 1, as soon as one of these
 * properties is violated:
 *
 * - Nothing but a ConnectionError is thrown, and the result does not depend on how the bytes are split.
 * - What becomes of a field block is one head of HTTP/1.1, no larger than it may be.
 *
 * @returns how many connections it read
 */
export async function fuzzFrames(seed: number, seconds: number): Promise<number> {
  const mutator = new FrameMutator(seed)
  const end = performance.now() + seconds * 1000
  let count = 0
  for (; performance.now() < end; count++) {
    const bytes = mutator.next()
    const fault = faultWith(bytes, mutator.cuts(bytes))
    if (fault === undefined) continue
    console.log(`Found a fault with seed ${seed}: ${fault}\n\nThe client's bytes: ${bytes.toString('hex')}`)
    process.exit(1)
  }
  return count
}
