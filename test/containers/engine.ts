import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Why no containers can be run here; undefined where they can. */
function whyNoEngine(): string | undefined {
  const { error, status } = spawnSync('docker', ['info'], { stdio: 'ignore' })
  if (error !== undefined) return 'Docker is not installed'
  return status === 0 ? undefined : 'no Docker engine answers (docker info)'
}

const noEngine = whyNoEngine()

/** A test that needs a Docker engine, and is skipped by name without one. */
export function testWithEngine(name: string, body: (test: TestContext) => Promise<void>): void {
  test(name, noEngine === undefined ? { timeout: 300_000 } : { skip: noEngine }, body)
}

/** A port of loopback that stands for the engine's names, of which there is one set for everybody on this machine. */
const TURN = 47_777

/** Waits until no other run of these tests uses the engine. Gives what to close afterwards. */
export async function ourTurn(): Promise<Server> {
  for (;;) {
    const server = createServer().listen(TURN, '127.0.0.1')
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

/** What `docker` prints on standard output, without the last line feed. Throws with what it said where it fails. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('docker', args, { cwd: ROOT, maxBuffer: 2 ** 26 })
  return stdout.trimEnd()
}

/** Both outputs of a container, as `docker logs` shows them. */
export async function logsOf(container: string): Promise<string> {
  const { stdout, stderr } = await run('docker', ['logs', container], { maxBuffer: 2 ** 26 })
  return stdout + stderr
}

/** Starts a container that ends with the test. Gives its id. */
export async function startContainer(test: TestContext, ...args: readonly string[]): Promise<string> {
  const id = await docker('run', '--detach', ...args)
  test.after(() => docker('rm', '--force', id))
  return id
}

export function addressOf(container: string): Promise<string> {
  return docker('inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', container)
}

/** The loopback port that stands for a container's port 80. */
export async function portOf(container: string): Promise<number> {
  const [first] = (await docker('port', container, '80/tcp')).split('\n')
  return Number(first!.split(':').at(-1))
}

/** Runs a script of the project, and gives all of what came of it. */
export async function runScript(file: string, args: readonly string[] = []) {
  try {
    const { stdout, stderr } = await run(file, args, { cwd: ROOT, maxBuffer: 2 ** 26 })
    return { code: 0, stdout, stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, stdout, stderr }
  }
}

/** Resolves once a request is answered with 200; for containers that are about to listen. */
export async function untilAnswered(url: string): Promise<void> {
  for (;;) {
    const status = await fetch(url).then(
      ({ status }) => status,
      () => 0,
    )
    if (status === 200) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
