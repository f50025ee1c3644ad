import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Account } from './account.ts'
import type { Load, Stage } from './case.ts'
import { loadThreads } from './cores.ts'
import { SMALL_ANSWER } from './origin.ts'
import { Program } from './program.ts'
import { browserHeaders } from './request-headers.ts'

/** A load by h2load (Debian: nghttp2-client), over TLS. Each stream sends the next request when it gets a response. */
export interface H2Load {
  readonly path: string
  readonly connections: number
  /** Concurrent streams of each connection. */
  readonly streams: number
  readonly headers?: Readonly<Record<string, string>>
  /** The content of each request. */
  readonly body?: Buffer
  /** The bytes of each response body. */
  readonly answerLength?: number
}

interface Result {
  readonly requests: number
  readonly failed: number
  /** Of response bodies, unfinished ones too. */
  readonly bytes: number
  /** In s. */
  readonly duration: number
}

const SMALL_LENGTH = Buffer.byteLength(SMALL_ANSWER)
/** From this response size on, unfinished responses count by their bytes. */
const LARGE = 1_000_000
/** The share of requests that may fail in a valid round. */
const TOLERATED = 0.001

export function h2load(load: H2Load): Load {
  const { path, headers = {}, body = Buffer.alloc(0), answerLength = SMALL_LENGTH } = load
  const method = body.length === 0 ? 'GET' : 'POST'
  return {
    probe: { method, path, bodyLength: body.length, answerLength, protocol: 'h2', headers, body },
    async run(stage) {
      const file = join(stage.folder, 'body')
      await writeFile(file, body)
      if (stage.warmUp > 0) await runH2load(stage, load, file, stage.warmUp)
      const account = Account.open(stage)
      const result = await runH2load(stage, load, file, stage.seconds)
      const { failed, duration } = result
      const requests = answerLength >= LARGE ? result.bytes / answerLength : result.requests
      const to = Number(process.hrtime.bigint() / 1000n)
      if (requests === 0 || failed > requests * TOLERATED) throw new Error(`${failed} of ${requests} requests failed`)
      const sample = {
        requests: requests / duration,
        throughput: (requests * (answerLength + body.length)) / duration,
        ...account?.close(requests, duration * 1e6),
      }
      const errors = failed === 0 ? [] : [`${failed} of ${requests} requests failed`]
      return { sample, errors, measured: { from: to - duration * 1e6, to, requests } }
    },
  }
}

async function runH2load(stage: Stage, load: H2Load, body: string, seconds: number): Promise<Result> {
  const { path, connections, streams, headers = {}, body: content } = load
  const args = [
    `--threads=${Math.min(loadThreads(stage.cores), connections)}`,
    `--clients=${connections}`,
    `--max-concurrent-streams=${streams}`,
    `--duration=${Math.ceil(seconds)}`,
    ...(content === undefined ? [] : [`--data=${body}`]),
    ...Object.entries({ ...browserHeaders, ...headers }).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
    `https://127.0.0.1:${stage.port}${path}`,
  ]
  const output = join(stage.folder, `h2load-${seconds}.txt`)
  const said = await Program.start({ command: 'h2load', args }, [], output).end((seconds + 20) * 1000)
  const [, done, ok] = /^requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded/m.exec(said) ?? []
  const [, bytes] = /^traffic: .*\((\d+)\) data$/m.exec(said) ?? []
  if (done === undefined) throw new Error(`h2load gave no result: ${said}`)
  const failed = Number(done) - Number(ok)
  return { requests: Number(ok), failed, bytes: Number(bytes), duration: Math.ceil(seconds) }
}
