/** The lab and the example for Docker Compose, whose servers are found by their labels. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import {
  compose,
  docker,
  hasEngine,
  lockEngine,
  namelessImages,
  ROOT,
  testWithCompose,
  untilAnswered,
} from '../containers/engine.ts'
import { loadDuring, request } from '../containers/load.ts'
import { until } from '../support/until.ts'

const EXAMPLE = ['--file', 'examples/compose/compose.yaml']
let lock: Server
let lab: NodeJS.ProcessEnv
let labUrl: string

before(async () => {
  if (!hasEngine) return
  lock = await lockEngine()
  const port = await freePort()
  lab = { COMPOSE_PROJECT_NAME: `limpet-compose-${process.pid}`, LAB_PORT: String(port) }
  labUrl = `http://127.0.0.1:${port}`
})

after(() => lock?.close())

/** How many servers answer the next requests. */
async function answering(url: string): Promise<number> {
  const responses = await Promise.all(Array.from({ length: 12 }, () => request(url)))
  return new Set(responses.map(({ server }) => server)).size
}

testWithCompose('the lab finds its servers, however many there are, and keeps up with them', async (test) => {
  const before = await namelessImages()
  test.after(async () => {
    await compose(['down', '--rmi', 'local', '--timeout', '5'], lab)
    const left = (await namelessImages()).filter((image) => !before.includes(image))
    if (left.length > 0) await docker('rmi', ...left)
  })
  await compose(['up', '--detach', '--build', '--scale', 'static=3'], lab)
  await untilAnswered(`${labUrl}/`)
  const api = `${labUrl}/api/student`
  await until(async () => (await answering(api)) === 2, 100)
  await compose(['up', '--detach', '--no-recreate', '--scale', 'static=3', '--scale', 'dynamic=3'], lab)
  await until(async () => (await answering(api)) === 3, 100)
  const balancer = await compose(['ps', '--quiet', 'balancer'], lab)
  const { sources } = JSON.parse(await docker('exec', balancer, 'limpet', 'discover', '--json'))
  const ids = sources.flatMap(({ servers }: { servers: { id: string }[] }) => servers.map(({ id }) => id))
  const project = lab.COMPOSE_PROJECT_NAME
  assert.deepEqual(
    ids,
    ['static', 'dynamic'].flatMap((service) => [1, 2, 3].map((number) => `${project}.${service}.${number}`)),
  )
  assert.equal((await request(`${labUrl}/api/student/7`)).status, 404)
  const [first] = (await compose(['ps', '--quiet', 'static'], lab)).split('\n')
  const { outcomes } = await loadDuring(`${labUrl}/`, () => docker('restart', first!))
  assert.deepEqual(new Set(outcomes), new Set([200]))

  const nginx = { ...lab, BALANCER: 'nginx' }
  await compose(['up', '--detach', '--build', '--no-deps', 'balancer'], nginx)
  await untilAnswered(`${labUrl}/`)
  assert.equal(await answering(api), 3)

  const given = { ...lab, STATIC_BACKEND: 'static', DYNAMIC_BACKEND: 'dynamic' }
  await compose(['up', '--detach', '--build', '--no-deps', 'balancer'], given)
  await untilAnswered(`${labUrl}/`)
  assert.equal((await request(api)).status, 200)
})

testWithCompose('the example routes by labels alone, and recreating the application loses no request', async (test) => {
  const image = `limpet-compose-${process.pid}`
  await docker('build', '--quiet', '--tag', image, '.')
  const group = await docker(
    ...['run', '--rm', '--volume', '/var/run/docker.sock:/var/run/docker.sock:ro', '--entrypoint', 'stat', image],
    ...['--format', '%g', '/var/run/docker.sock'],
  )
  const port = await freePort()
  const env = { COMPOSE_PROJECT_NAME: image, PORT: String(port), LIMPET_IMAGE: image, DOCKER_GROUP: group }
  test.after(async () => {
    await compose([...EXAMPLE, 'down', '--volumes', '--timeout', '5'], env)
    await docker('rmi', image)
  })
  await compose([...EXAMPLE, 'up', '--detach', '--scale', 'app=3'], env)
  const url = `http://127.0.0.1:${port}/`
  await untilAnswered(url)
  const recreate = ['up', '--detach', '--no-deps', '--force-recreate', '--scale', 'app=3', 'app']
  const { outcomes } = await loadDuring(url, () => compose([...EXAMPLE, ...recreate], env))
  assert.deepEqual(new Set(outcomes), new Set([200]))
})

testWithCompose('the files for Compose have no address, and mount the socket read-only', async () => {
  for (const file of ['compose.yaml', 'examples/compose/compose.yaml']) {
    const text = await readFile(join(ROOT, file), 'utf8')
    assert.match(text, /- \/var\/run\/docker\.sock:\/var\/run\/docker\.sock:ro$/m)
    assert.doesNotMatch(text, /\b\d+\.\d+\.\d+\.\d+:\d/)
  }
})
