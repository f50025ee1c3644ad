import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Account } from './account.ts'
import type { Load, Stage } from './case.ts'
import { loadThreads } from './cores.ts'
import type { Sample } from './metric.ts'
import { SMALL_ANSWER } from './origin.ts'
import { Program } from './program.ts'
import { browserHeaders } from './request-headers.ts'

/** A load by wrk: each connection sends the next request as soon as it gets a response. */
export interface WrkLoad {
  /** Requested in turn. */
  readonly paths: readonly string[]
  readonly connections?: number
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Values of the Cookie header, used in turn. */
  readonly cookies?: readonly string[]
  /** The bytes of each request body. */
  readonly bodyLength?: number
  /** The bytes of each response body, before it is compressed. */
  readonly answerLength?: number
  /** How response bodies are compressed. Default: not at all. */
  readonly coding?: 'gzip'
  readonly protocol?: 'http' | 'https'
}

/** The results that wrk prints. Times are in µs. */
interface WrkResult {
  readonly duration: number
  readonly requests: number
  readonly bytes: number
  readonly p50: number
  readonly p99: number
  readonly errors: Readonly<Record<'connect' | 'read' | 'write' | 'status' | 'timeout', number>>
}

const SMALL_LENGTH = Buffer.byteLength(SMALL_ANSWER)
/** From this response size on, unfinished responses count by their bytes. */
const LARGE = 1_000_000
/** The share of requests that may fail in a valid round. */
const TOLERATED = 0.001

export function wrk(load: WrkLoad): Load {
  const { paths, method = 'GET', bodyLength = 0, answerLength = SMALL_LENGTH, coding, protocol = 'http' } = load
  return {
    probe: {
      method,
      path: paths[0]!,
      bodyLength,
      answerLength,
      ...(coding && { coding }),
      ...(protocol === 'https' && { protocol }),
    },
    async run(stage) {
      const script = join(stage.folder, 'load.lua')
      await writeFile(script, luaScript(load))
      if (stage.warmUp > 0) await runWrk(stage, load, script, stage.warmUp)
      const account = Account.open(stage)
      const result = await runWrk(stage, load, script, stage.seconds)
      const requests = answerLength >= LARGE ? result.bytes / answerLength : result.requests
      const seconds = result.duration / 1e6
      const sample: Sample = {
        requests: requests / seconds,
        throughput: (requests * (answerLength + bodyLength)) / seconds,
        p50: result.p50,
        p99: result.p99,
        ...account?.close(requests, result.duration),
      }
      const to = Number(process.hrtime.bigint() / 1000n)
      const measured = { from: to - result.duration, to, requests }
      return { sample, errors: judge(result, coding === undefined ? answerLength : 1), measured }
    },
  }
}

async function runWrk(stage: Stage, load: WrkLoad, script: string, seconds: number): Promise<WrkResult> {
  const { connections = 64, protocol = 'http' } = load
  const args = [
    `--threads=${Math.min(loadThreads(stage.cores), connections)}`,
    `--connections=${connections}`,
    // wrk accepts only whole seconds.
    `--duration=${Math.ceil(seconds)}s`,
    '--timeout=10s',
    `--script=${script}`,
    `${protocol}://127.0.0.1:${stage.port}${load.paths[0]}`,
  ]
  const output = join(stage.folder, `wrk-${seconds}.txt`)
  const said = await Program.start({ command: 'wrk', args }, [], output).end((seconds + 20) * 1000)
  const json = /^result (.*)$/m.exec(said)?.[1]
  if (json === undefined) throw new Error(`wrk gave no result: ${said}`)
  return JSON.parse(json) as WrkResult
}

function luaScript({ paths, method = 'GET', headers = {}, cookies = [], bodyLength = 0 }: WrkLoad): string {
  const fields = Object.entries({ ...browserHeaders, ...headers })
  return `
wrk.method = ${quoted(method)}
${fields.map(([name, value]) => `wrk.headers[${quoted(name)}] = ${quoted(value)}`).join('\n')}
${bodyLength === 0 ? '' : `wrk.body = string.rep("x", ${bodyLength})`}
${paths.length === 1 && cookies.length === 0 ? '' : inTurn(paths, cookies)}
function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    'result {"duration":%d,"requests":%d,"bytes":%d,"p50":%d,"p99":%d,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}',
    summary.duration, summary.requests, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
`
}

/** A script that formats the requests once and then sends them in turn. */
function inTurn(paths: readonly string[], cookies: readonly string[]): string {
  return `
local requests, turn = {}, 0
function init()
  local paths = { ${paths.map(quoted).join(', ')} }
  local cookies = { ${cookies.map(quoted).join(', ')} }
  for index = 1, math.max(#paths, #cookies) do
    if #cookies > 0 then wrk.headers["Cookie"] = cookies[(index - 1) % #cookies + 1] end
    requests[index] = wrk.format(nil, paths[(index - 1) % #paths + 1])
  end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end`
}

/**
 * The errors of a run whose figures are still valid.
 *
 * @throws Error if they are not valid
 */
function judge({ errors, bytes, requests }: WrkResult, answerLength: number): string[] {
  const found = Object.entries(errors).filter(([, count]) => count > 0)
  const failed = found.reduce((sum, [, count]) => sum + count, 0)
  const complaints = found.map(([kind, count]) => `${count} ${kind} errors among ${requests} requests`)
  if (failed > requests * TOLERATED) throw new Error(complaints.join(', '))
  // Unfinished requests at the end count in bytes but not in requests, so there may be more bytes, never fewer.
  if (requests === 0 || bytes / requests < answerLength)
    throw new Error(`${requests} answers of ${bytes} bytes in total`)
  return complaints
}

function quoted(text: string): string {
  return JSON.stringify(text)
}
