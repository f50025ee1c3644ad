import { once } from 'node:events'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import type { Case, Probe, Reading, Variant } from './case.ts'
import { assignCores } from './cores.ts'
import { freePort } from './free-port.ts'
import { FORWARDED_SUFFIX, type Origin } from './origin.ts'
import type { Peer, Setup } from './peer.ts'
import { ProcessTree } from './process-tree.ts'
import { Program } from './program.ts'
import { browserHeaders } from './request-headers.ts'

/** The values that all measurements of a run share. */
export interface Surroundings {
  readonly folder: string
  /** The folder of the Limpet to be measured. */
  readonly limpet: string
  readonly origin: Origin
  /** The cores that the bench may use. */
  readonly cores: readonly number[]
  /** The duration of the load, in s. */
  readonly seconds: number
  /** The maximum warm-up of a peer, in s. */
  readonly mostWarmUp: number
  /** The folder for CPU profiles; undefined for none. */
  readonly profile?: string | undefined
}

/** One measurement of one peer with one variant of a case. */
export interface Step {
  readonly case: Case
  readonly variant: Variant
  readonly peer: Peer
}

const PROBE_TIMEOUT = 10_000

/**
 * Starts a new proxy, checks its response, runs the load, and stops it.
 *
 * @throws Error if it does not start, or its response is wrong
 */
export async function measure({ peer, variant }: Step, surroundings: Surroundings): Promise<Reading> {
  const { origin, limpet, seconds, profile } = surroundings
  const warmUp = warmUpOf(peer, surroundings)
  const folder = await mkdtemp(join(surroundings.folder, `${peer.name}-`))
  await mkdir(join(folder, 'proxy'))
  const port = await freePort()
  const site = variant.site(origin)
  const cores = assignCores(site.workers, surroundings.cores)
  const accessLog = join(folder, 'access.log')
  const setup: Setup = { ...site, port, folder: join(folder, 'proxy'), accessLog, limpet, profile }
  const launch = await peer.prepare(setup)
  const start = () => Program.start(launch, cores.proxy, join(folder, 'output.log'))
  let program = start()
  const restart = async () => {
    await program.stop()
    program = start()
    return { duration: await program.listening(port), proxy: processTreeOf(program) }
  }
  try {
    await program.listening(port)
    await check(port, variant.load.probe)
    if (peer.forwards) await checkForwarding(port, variant.load.probe)
    const proxy = processTreeOf(program)
    const reading = await variant.load.run({ port, proxy, cores, seconds, warmUp, folder, restart })
    await program.stop()
    const { size } = await stat(accessLog).catch(() => ({ size: 0 }))
    return size > 0 ? reading : { ...reading, errors: [...reading.errors, 'it wrote no access log'] }
  } finally {
    await program.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

function processTreeOf({ pid }: Program): ProcessTree | undefined {
  return ProcessTree.available ? new ProcessTree(pid) : undefined
}

/** How long a peer is under load before the measurement, in s. */
export function warmUpOf(peer: Peer, { mostWarmUp }: Pick<Surroundings, 'mostWarmUp'>): number {
  return Math.min(peer.warmUp, mostWarmUp)
}

async function check(port: number, { method, path, bodyLength, answerLength }: Probe): Promise<void> {
  const { status, length } = await exchange(port, method, path, bodyLength)
  if (status === 200 && length === answerLength) return
  throw new Error(`${method} ${path} is answered with ${status} and ${length} bytes, not with 200 and ${answerLength}`)
}

async function checkForwarding(port: number, { path }: Probe): Promise<void> {
  const { text } = await exchange(port, 'GET', path + FORWARDED_SUFFIX, 0)
  if (/^127\.0\.0\.1 http 127\.0\.0\.1:\d+ \S+$/.test(text)) return
  throw new Error(`the server gets other forwarding headers: ${JSON.stringify(text)}`)
}

async function exchange(port: number, method: string, path: string, bodyLength: number) {
  const signal = AbortSignal.timeout(PROBE_TIMEOUT)
  const asked = request({ port, host: '127.0.0.1', method, path, headers: browserHeaders, agent: false, signal })
  asked.end(bodyLength === 0 ? undefined : Buffer.alloc(bodyLength, 'x'))
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  let length = 0
  let text = ''
  for await (const bytes of response as AsyncIterable<Buffer>) {
    length += bytes.length
    if (length < 1000) text += bytes
  }
  return { status: response.statusCode, length, text }
}
