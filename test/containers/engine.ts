import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { getTestContext, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { until } from '../support/until.ts'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Why containers cannot run here; undefined if they can. */
function whyNoEngine(): string | undefined {
  const { error, status } = spawnSync('docker', ['info'], { stdio: 'ignore' })
  if (error !== undefined) return 'Docker is not installed'
  return status === 0 ? undefined : 'no Docker engine answers (docker info)'
}

const noEngine = whyNoEngine()

/** How long such a test may take, in ms: images are built, and every container takes its time, on a machine that has other work. */
const TIMEOUT = 600_000

/** A test that needs a Docker engine. Without one, it is reported as skipped. */
export function testWithEngine(name: string, body: (test: TestContext) => Promise<void>): void {
  test(name, noEngine === undefined ? { timeout: TIMEOUT } : { skip: noEngine }, body)
}

/** A loopback port used as a lock: all runs of these tests on this machine share the engine's names. */
const LOCK_PORT = 47_777

/** Waits until no other run of these tests uses the engine. Close the returned server to release the lock. */
export async function lockEngine(): Promise<Server> {
  for (;;) {
    const server = createServer().listen(LOCK_PORT, '127.0.0.1')
    try {
      await once(server, 'listening')
      return server
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
}

export const hasEngine = noEngine === undefined

const run = promisify(execFile)

/** The standard output of `docker` without the last line feed. Throws with its output if it fails. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('docker', args, { cwd: ROOT, maxBuffer: 2 ** 26 })
  return stdout.trimEnd()
}

const composeProgram = ['docker compose', 'docker-compose'].find((program) => {
  const [command, ...args] = program.split(' ')
  return spawnSync(command!, [...args, 'version'], { stdio: 'ignore' }).status === 0
})

/** A test that needs Compose, of version 1.29 or later, too. */
export function testWithCompose(name: string, body: (test: TestContext) => Promise<void>): void {
  if (composeProgram === undefined) test(name, { skip: 'Docker Compose is not installed' }, () => {})
  else testWithEngine(name, body)
}

/** Runs Compose with those variables, and returns its output. */
export async function compose(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const [command, ...first] = composeProgram!.split(' ')
  const options = { cwd: ROOT, env: { ...process.env, ...env }, maxBuffer: 2 ** 26 }
  return (await run(command!, [...first, ...args], options)).stdout.trimEnd()
}

/** The ids of images without a name, such as the legacy builder leaves. */
export async function namelessImages(): Promise<string[]> {
  return (await docker('images', '--filter', 'dangling=true', '--quiet')).split('\n').filter(Boolean)
}

/** Both outputs of a container, as `docker logs` shows them. */
export async function logsOf(container: string): Promise<string> {
  const { stdout, stderr } = await run('docker', ['logs', container], { maxBuffer: 2 ** 26 })
  return stdout + stderr
}

/** Starts a container that ends with the test. Returns its id. */
export async function startContainer(test: TestContext, ...args: readonly string[]): Promise<string> {
  const id = await docker('run', '--detach', ...args)
  test.after(() => docker('rm', '--force', id))
  return id
}

export function addressOf(container: string): Promise<string> {
  return docker('inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', container)
}

/** The loopback port that is mapped to a container's port 80. */
export async function portOf(container: string): Promise<number> {
  const [first] = (await docker('port', container, '80/tcp')).split('\n')
  return Number(first!.split(':').at(-1))
}

/** Runs a script of the project, and returns its exit code and output. It ends with the test, and so does all that it has started. */
export async function runScript(file: string, args: readonly string[] = []) {
  const child = spawn(file, args, { cwd: ROOT, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const signal = getTestContext()?.signal
  const end = () => process.kill(-child.pid!, 'SIGKILL')
  signal?.addEventListener('abort', end)
  try {
    const [[code], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
    return { code: code as number | null, stdout, stderr }
  } finally {
    signal?.removeEventListener('abort', end)
  }
}

/** Resolves when a request gets 200. Waits for containers that do not listen yet. */
export async function untilAnswered(url: string): Promise<void> {
  const status = () =>
    fetch(url).then(
      ({ status }) => status,
      () => 0,
    )
  await until(async () => (await status()) === 200, 50)
}
