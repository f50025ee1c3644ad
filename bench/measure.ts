import { once } from 'node:events'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2'
import { request as requestSecurely } from 'node:https'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import type { Case, Probe, Reading, Variant } from './case.ts'
import type { Certificate } from './certificate.ts'
import { assignCores } from './cores.ts'
import { freePort } from './free-port.ts'
import { FORWARDED_SUFFIX, GRPC_PATH, type Origin } from './origin.ts'
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
  /** For proxies whose clients come by TLS. */
  readonly certificate: Certificate
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
  const { origin, certificate, limpet, seconds, profile } = surroundings
  const warmUp = warmUpOf(peer, surroundings)
  const folder = await mkdtemp(join(surroundings.folder, `${peer.name}-`))
  await mkdir(join(folder, 'proxy'))
  const port = await freePort()
  const site = variant.site(origin)
  const cores = assignCores(site.workers, surroundings.cores)
  const accessLog = join(folder, 'access.log')
  const setup: Setup = { ...site, port, folder: join(folder, 'proxy'), accessLog, certificate, limpet, profile }
  const launch = await peer.prepare(setup)
  const others: Program[] = []
  const another = async () => {
    const place = { port: await freePort(), folder: join(folder, 'another'), accessLog: join(folder, 'another.log') }
    await mkdir(place.folder)
    const other = Program.start(
      await peer.prepare({ ...setup, ...place, profile: undefined }),
      cores.proxy,
      join(folder, 'another-output.log'),
    )
    others.push(other)
    await other.listening(place.port, protocol)
    return place.port
  }
  const protocol = site.tls ? 'https' : 'http'
  const start = () => Program.start(launch, cores.proxy, join(folder, 'output.log'))
  let program = start()
  const restart = async () => {
    await program.stop()
    program = start()
    return { duration: await program.listening(port, protocol), proxy: processTreeOf(program) }
  }
  try {
    await program.listening(port, protocol)
    await check(port, variant.load.probe)
    // A gRPC server has no other paths.
    if (peer.forwards && variant.load.probe.path !== GRPC_PATH) await checkForwarding(port, variant.load.probe)
    const proxy = processTreeOf(program)
    const reading = await variant.load.run({ port, proxy, cores, seconds, warmUp, folder, restart, another })
    await program.stop()
    const { size } = await stat(accessLog).catch(() => ({ size: 0 }))
    return size > 0 ? reading : { ...reading, errors: [...reading.errors, 'it wrote no access log'] }
  } finally {
    await Promise.all([program, ...others].map((each) => each.stop()))
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

async function check(port: number, probe: Probe): Promise<void> {
  const { method, path, answerLength, coding } = probe
  const { status, length, coding: found } = await exchange(port, probe)
  if (coding !== undefined && found !== coding) throw new Error(`${method} ${path} is answered without ${coding}`)
  if (status === 200 && length === answerLength) return
  throw new Error(`${method} ${path} is answered with ${status} and ${length} bytes, not with 200 and ${answerLength}`)
}

async function checkForwarding(port: number, { path, ...probe }: Probe): Promise<void> {
  const asked = { ...probe, method: 'GET', path: path + FORWARDED_SUFFIX, bodyLength: 0 }
  const { text } = await exchange(port, asked)
  if (/^127\.0\.0\.1 https? 127\.0\.0\.1:\d+ \S+$/.test(text)) return
  throw new Error(`the server gets other forwarding headers: ${JSON.stringify(text)}`)
}

async function exchange(port: number, probe: Probe): Promise<Answer> {
  return probe.protocol === 'h2' ? exchangeHttp2(port, probe) : exchangeHttp1(port, probe)
}

interface Answer {
  readonly status: number | undefined
  /** That of the body before it was compressed. */
  readonly length: number
  readonly coding?: string | undefined
  /** The body, unless it is long. */
  readonly text: string
}

async function exchangeHttp1(port: number, probe: Probe): Promise<Answer> {
  const { method, path, protocol } = probe
  const headers = { ...browserHeaders, ...probe.headers }
  const signal = AbortSignal.timeout(PROBE_TIMEOUT)
  const options = { port, host: '127.0.0.1', method, path, headers, agent: false, signal } as const
  const asked = protocol === 'https' ? requestSecurely({ ...options, rejectUnauthorized: false }) : request(options)
  asked.end(bodyOf(probe))
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const coding = response.headers['content-encoding']
  const body = coding === 'gzip' ? response.pipe(createGunzip()) : response
  return { status: response.statusCode, coding, ...(await read(body)) }
}

async function exchangeHttp2(port: number, probe: Probe): Promise<Answer> {
  const { method, path } = probe
  const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT)
    const headers = { ':method': method, ':path': path, ...browserHeaders, ...probe.headers }
    const asked = session.request(headers, { signal })
    asked.end(bodyOf(probe))
    const [response] = (await once(asked, 'response')) as [IncomingHttpHeaders & IncomingHttpStatusHeader]
    return { status: response[':status'], ...(await read(asked)) }
  } finally {
    session.destroy()
  }
}

function bodyOf({ bodyLength, body = Buffer.alloc(bodyLength, 'x') }: Probe): Buffer | undefined {
  return bodyLength === 0 ? undefined : body
}

async function read(body: AsyncIterable<Buffer>): Promise<{ length: number; text: string }> {
  let length = 0
  let text = ''
  for await (const bytes of body) {
    length += bytes.length
    if (length < 1000) text += bytes
  }
  return { length, text }
}
