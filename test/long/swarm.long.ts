/** `from: swarm` on the real engine. Where it is in no Swarm, it is one of its own while the test runs. */
import assert from 'node:assert/strict'
import type { Server } from 'node:net'
import { SwarmSource } from '../../src/config/sources/swarm.ts'
import type { FoundServer } from '../../src/discovery/provider.ts'
import { swarmProvider } from '../../src/discovery/swarm.ts'
import { docker, lockEngine, testWithEngine, untilAnswered } from '../containers/engine.ts'
import { Watched } from '../support/watched.ts'

const SERVICE = 'limpet-swarm-test'

testWithEngine('tasks come, are replaced under their name, drain and go', async (t) => {
  await using _lock = { [Symbol.asyncDispose]: close(await lockEngine()) }
  await using _swarm = await swarm()
  await using _service = await service()
  const web = new Watched(t, swarmProvider(SwarmSource.parse({ from: 'swarm', poll: '1s' }), 'web'))

  const [first] = await ready(web, `${SERVICE}.1`)
  await untilAnswered(`http://${first!.address}/`)

  await docker('service', 'scale', '--detach', `${SERVICE}=2`)
  await ready(web, `${SERVICE}.1`, `${SERVICE}.2`)

  await docker('service', 'update', '--detach', '--force', '--update-parallelism', '2', SERVICE)
  const draining = await web.until(({ servers }) => servers.some(({ state }) => state === 'drain'))
  assert.ok(draining.servers.every(({ id }) => id.startsWith(`${SERVICE}.`)))
  const replaced = await ready(web, `${SERVICE}.1`, `${SERVICE}.2`)
  assert.notEqual(replaced[0]!.address, first!.address)

  await docker('service', 'scale', '--detach', `${SERVICE}=1`)
  await web.until(({ servers }) => servers.some(({ state }) => state === 'drain'))
  await ready(web, `${SERVICE}.1`)

  await docker('service', 'scale', '--detach', `${SERVICE}=0`)
  await web.until(({ servers }) => servers.length === 0)
})

/** The servers, once they are exactly these, and all are ready. */
async function ready(web: Watched, ...ids: string[]): Promise<readonly FoundServer[]> {
  const isIt = (servers: readonly FoundServer[]) =>
    servers.map(({ id }) => id).join() === ids.join() && servers.every(({ state }) => state === 'ready')
  return (await web.until(({ servers }) => isIt(servers))).servers
}

function close(lock: Server): () => Promise<void> {
  return async () => void lock.close()
}

/** The Swarm of the engine, or one of its own. */
async function swarm(): Promise<AsyncDisposable> {
  const isInactive = (await docker('info', '--format', '{{.Swarm.LocalNodeState}}')) === 'inactive'
  if (isInactive) await docker('swarm', 'init', '--advertise-addr', '127.0.0.1')
  return { [Symbol.asyncDispose]: async () => void (isInactive && (await docker('swarm', 'leave', '--force'))) }
}

async function service(): Promise<AsyncDisposable> {
  const labels = ['limpet.enable=true', 'limpet.upstream=web', 'limpet.port=80'].flatMap((label) => ['--label', label])
  const published = ['--publish', 'mode=host,target=80']
  await docker('service', 'create', '--detach', '--name', SERVICE, ...labels, ...published, 'nginx:stable')
  return { [Symbol.asyncDispose]: async () => void (await docker('service', 'rm', SERVICE)) }
}
