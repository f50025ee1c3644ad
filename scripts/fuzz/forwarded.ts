import { setImmediate as turn } from 'node:timers/promises'
import { FrameMutator } from '../../test/http2/frame-mutator.ts'
import { pieces } from '../../test/http2/frames.ts'
import { startLimpet } from '../../test/support/limpet.ts'
import { FrameClient } from '../../test/wire/http2/client.ts'
import { conversationOf } from '../../test/wire/http2/notation.ts'
import { readLaxly, readStrictly } from '../../test/wire/readers.ts'
import { RecordingOrigin } from '../../test/wire/recording-origin.ts'

const AMPLE = { headSize: 64_000, headers: 1000 }
const honest = conversationOf('GET 1 /~honest', {})

/**
 * Has a client with a damaged connection talk HTTP/2 to a Limpet, and an honest client after it. Prints what the first one sent, and ends
 * the process with code 1, as soon as the honest one does not get its own answer, or readers disagree on what a server got.
 *
 * @returns how many connections there were
 */
export async function fuzzForwarded(seed: number, seconds: number): Promise<number> {
  const endings: (() => unknown)[] = []
  const test = { after: (ending: unknown) => void endings.push(ending as () => unknown) } as never
  const origin = await RecordingOrigin.start(test)
  const limpet = await startLimpet(test, {
    listeners: [{ address: '127.0.0.1', port: 0, h2c: true }],
    upstreams: { app: { servers: [{ address: origin.address, maxFails: 0 }] } },
    workers: 1,
    routes: [{ path: '/*', upstream: 'app' }],
    accessLog: 'off',
  })
  const mutator = new FrameMutator(seed)
  const end = performance.now() + seconds * 1000
  let count = 0
  for (; performance.now() < end; count++) {
    const bytes = mutator.next()
    origin.begin()
    const fault = await faultAfter(limpet.port, pieces(bytes, mutator.cuts(bytes)), origin)
    if (fault === undefined) continue
    console.log(`Found a fault with seed ${seed}: ${fault}\n\nThe client sent ${bytes.toString('hex')}`)
    limpet.process.kill('SIGKILL')
    process.exit(1)
  }
  for (const ending of endings.reverse()) await ending()
  return count
}

async function faultAfter(
  port: number,
  parts: readonly Buffer[],
  origin: RecordingOrigin,
): Promise<string | undefined> {
  const closing: (() => unknown)[] = []
  const test = { after: (ending: unknown) => void closing.push(ending as () => unknown) } as never
  try {
    const hostile = await FrameClient.connect(test, port)
    for (const part of parts) {
      hostile.say(part)
      await turn()
    }
    const client = await FrameClient.connect(test, port)
    await client.begin()
    await client.perform(honest, false)
    await client.until(() => client.streams.get(1)?.isOver === true, 'answer to an honest client')
    const answer = client.streams.get(1)
    if (answer?.body !== '/~honest') return `an honest client gets ${JSON.stringify(client.outcome)} ${answer?.body}`
    for (const text of origin.byConnection.values()) {
      const fault = faultWithForwarded(Buffer.from(text, 'latin1'))
      if (fault !== undefined) return fault
    }
    return undefined
  } catch (error) {
    return (error as Error).message
  } finally {
    for (const close of closing) close()
  }
}

/** A tunnel may have any bytes; and the end of what the round before had in flight may stand before the first head. */
function faultWithForwarded(bytes: Buffer): string | undefined {
  if (bytes.includes('pgrade: ') || !/^[A-Za-z]+ [/*]/.test(bytes.toString('latin1', 0, 20))) return undefined
  const strict = readStrictly(bytes, AMPLE)
  if (strict.rest === 'refused') return `what a server gets is refused: ${JSON.stringify(bytes.toString('latin1'))}`
  if (JSON.stringify(strict) === JSON.stringify(readLaxly(bytes))) return undefined
  return `what a server gets has two meanings: ${JSON.stringify(bytes.toString('latin1'))}`
}
