import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../bench/free-port.ts'
import { runLimpet } from '../support/limpet.ts'
import { answers } from '../support/port.ts'

const LEAST = fileURLToPath(new URL('fixtures/least.conf', import.meta.url))

/** Why no nginx can be run here; undefined where one can. */
export function whyNoNginx(): string | undefined {
  const { error, status, stderr } = spawnSync('nginx', ['-t', '-c', LEAST], { encoding: 'utf8' })
  if (error !== undefined) return 'nginx is not installed (apt-get install nginx-light)'
  return status === 0 ? undefined : `nginx does not run here: ${stderr.trim().split('\n')[0]}`
}

/** A test that needs nginx, and is skipped by name without one. */
export function testWithNginx(name: string, body: (test: TestContext) => Promise<void>): void {
  const skip = whyNoNginx()
  test(name, skip === undefined ? {} : { skip }, body)
}

/** What `nginx -t` says of a configuration file; empty if all is well. */
export function complaintsOfNginx(file: string): string {
  // It opens /dev/stdout, which must not be a socket, as a pipe of Node's is.
  const { status, stderr } = spawnSync('nginx', ['-t', '-q', '-c', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  })
  return status === 0 ? stderr.replace(/^nginx: \[warn\] .*worker_connections exceed.*\n/gm, '') : `refused:\n${stderr}`
}

export interface Nginx {
  readonly port: number
  /** Ends nginx, and gives the access log. */
  stop(): Promise<string>
}

/** Runs nginx on `nginx.conf` in that folder until the test ends; resolves once it accepts connections at `place`. */
export async function runNginx(
  test: TestContext,
  folder: string,
  place: number | string,
): Promise<() => Promise<void>> {
  // Else its workers would be nobody, who may not open the sockets of a test.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const globals = `daemon off; pid ${folder}/nginx.pid; ${user}`
  const child = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-g', globals], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exit = once(child, 'exit')
  const errors = text(child.stderr)
  const end = async () => {
    child.kill('SIGQUIT')
    await exit
  }
  test.after(end)
  const died = exit.then(async () => {
    throw new Error(`nginx ended: ${await errors}`)
  })
  died.catch(() => {})
  await Promise.race([answers(place), died])
  return end
}

/** Runs nginx on the export of a configuration file, on a free port; it ends with the test. */
export async function startNginx(test: TestContext, configFile: string): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-nginx-'))
  const port = await freePort()
  const log = join(folder, 'access.log')
  const exported = await runLimpet(['export', 'nginx', '-c', configFile, '-p', String(port), '--out', folder], {
    ACCESS_LOG: log,
  })
  if (exported.code !== 0) throw new Error(exported.stderr)
  const end = await runNginx(test, folder, port)
  test.after(() => rm(folder, { recursive: true }))
  const stop = async () => {
    await end()
    return readFile(log, 'utf8')
  }
  return { port, stop }
}
