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

/** Why nginx cannot run here; undefined if it can. */
export function whyNoNginx(): string | undefined {
  const { error, status, stderr } = spawnSync('nginx', ['-t', '-c', LEAST], { encoding: 'utf8' })
  if (error !== undefined) return 'nginx is not installed (apt-get install nginx-light)'
  return status === 0 ? undefined : `nginx does not run here: ${stderr.trim().split('\n')[0]}`
}

/** A test that needs nginx. Without nginx, it is reported as skipped. */
export function testWithNginx(name: string, body: (test: TestContext) => Promise<void>): void {
  const skip = whyNoNginx()
  test(name, skip === undefined ? {} : { skip }, body)
}

/** The errors and warnings of `nginx -t` for a configuration file; empty if there are none. */
export function complaintsOfNginx(file: string): string {
  // nginx opens /dev/stdout, which must not be a socket. A pipe of Node's child processes is one.
  const { status, stderr } = spawnSync('nginx', ['-t', '-q', '-c', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  })
  return status === 0 ? stderr.replace(/^nginx: \[warn\] .*worker_connections exceed.*\n/gm, '') : `refused:\n${stderr}`
}

export interface Nginx {
  readonly port: number
  /** Stops nginx, and returns the access log. */
  stop(): Promise<string>
}

/** Runs nginx with `nginx.conf` of the folder until the test ends. Resolves when it accepts connections at `place`. */
export async function runNginx(
  test: TestContext,
  folder: string,
  place: number | string,
): Promise<() => Promise<void>> {
  // Without this, its workers run as the user nobody, who may not open the sockets of a test.
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

/** Runs nginx with the export of a configuration file on a free port until the test ends. */
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
