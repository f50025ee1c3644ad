import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { answers } from './port.ts'

/** A test that needs HAProxy. Without it, the test is reported as skipped. */
export function testWithHaproxy(name: string, body: (test: TestContext) => Promise<void>): void {
  const { error } = spawnSync('haproxy', ['-v'])
  test(name, error === undefined ? {} : { skip: 'HAProxy is not installed (apt-get install haproxy)' }, body)
}

/**
 * Runs HAProxy with one frontend on a free loopback port. It ends with the test.
 *
 * @param bind the options of `bind` after the address
 * @param rest the lines of the frontend, and sections after it
 */
export async function startHaproxy(test: TestContext, bind: string, rest: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-haproxy-'))
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  const defaults = 'defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n'
  await writeFile(file, `${defaults}frontend front\n bind 127.0.0.1:${port} ${bind}\n${rest}\n`)
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  const exit = once(child, 'exit')
  const errors = text(child.stderr)
  test.after(async () => {
    child.kill('SIGTERM')
    await exit
    await rm(folder, { recursive: true })
  })
  const died = exit.then(async () => {
    throw new Error(`HAProxy ended: ${await errors}`)
  })
  died.catch(() => {})
  await Promise.race([answers(port), died])
  return port
}
