/** The lab in real containers. One file, because its tests share the images and the names that setup.sh makes. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { until } from '../support/until.ts'
import {
  addressOf,
  docker,
  hasEngine,
  lockEngine,
  logsOf,
  namelessImages,
  portOf,
  ROOT,
  runScript,
  startContainer,
  testWithEngine,
  untilAnswered,
} from './engine.ts'
import { loadDuring, request } from './load.ts'

const SETUP = './setup.sh'
let port: number
let untouched: Set<string>
let lock: Server
/** Whether setup.sh has built the lab. */
let isBuilt = false

/** A test that needs the lab's images. It is skipped where they could not be built, so that only that is reported as failed. */
function testOfLab(name: string, body: (test: TestContext) => Promise<void>): void {
  testWithEngine(name, async (test) => (isBuilt ? body(test) : test.skip('setup.sh has not built the lab')))
}

before(async () => {
  if (!hasEngine) return
  lock = await lockEngine()
  untouched = await everything()
  port = await freePort()
})

after(async () => {
  if (!hasEngine) return
  await runScript(SETUP, ['--down'])
  lock.close()
})

testWithEngine('setup.sh builds the lab, starts it and lists its containers', async () => {
  const { code, stdout, stderr } = await runScript(SETUP, [`--port=${port}`, '--static', '3'])
  assert.equal(code, 0, stderr)
  isBuilt = true
  for (const name of ['static-1', 'static-2', 'static-3', 'dynamic-1', 'dynamic-2', 'balancer']) {
    assert.ok(stdout.includes(await addressOf(`limpet-lab-${name}`)), name)
  }
  assert.match(stdout, new RegExp(`http://localhost:${port}/`))
  const page = await fetch(`http://127.0.0.1:${port}/`)
  assert.match(await page.text(), /<script/)
  const servers = new Set<string>()
  for (let i = 0; i < 4; i++) {
    const response = await fetch(`http://127.0.0.1:${port}/api/student`)
    assert.ok(Array.isArray(await response.json()))
    servers.add(response.headers.get('x-served-by')!)
  }
  assert.deepEqual([...servers].sort(), ['dynamic-1', 'dynamic-2'])
})

testOfLab('docker logs shows each request with the address of its server', async () => {
  const [address] = await Promise.all([addressOf('limpet-lab-dynamic-1'), fetch(`http://127.0.0.1:${port}/app.js`)])
  await until(async () => (await logsOf('limpet-lab-balancer')).includes('"GET /app.js '), 100)
  const log = await logsOf('limpet-lab-balancer')
  assert.match(log, new RegExp(`"GET /api/student HTTP/1.1" 200 .* ${address}:80 200 \\d\\.\\d{3} new$`, 'm'))
  assert.match(log, /"GET \/app.js HTTP\/1.1" 200 .* 172\.\d+\.\d+\.\d+:80 200 \d\.\d{3} stuck$/m)
})

testOfLab('no container runs as root', async () => {
  for (const name of ['static-1', 'dynamic-1', 'balancer']) {
    assert.equal(await docker('exec', `limpet-lab-${name}`, 'id', '-u'), '1000', name)
  }
})

testOfLab('images have descriptive labels', async () => {
  for (const name of ['static', 'dynamic', 'limpet']) {
    const labels = JSON.parse(await docker('inspect', '--format', '{{json .Config.Labels}}', `limpet-lab/${name}`))
    assert.match(labels['org.opencontainers.image.title'], /^Limpet/)
    assert.equal(labels['org.opencontainers.image.licenses'], 'MIT')
  }
})

testOfLab('stopping a static server under load loses no request, and its user returns to it later', async () => {
  const url = `http://127.0.0.1:${port}/`
  const { server: home } = await request(url)
  const { outcomes, servers } = await loadDuring(url, () => docker('stop', `limpet-lab-${home}`))
  assert.deepEqual(
    outcomes.filter((outcome) => outcome !== 200),
    [],
  )
  assert.equal(servers.size, 2)
  assert.equal(await docker('inspect', '--format', '{{.State.ExitCode}}', `limpet-lab-${home}`), '0')
  await docker('start', `limpet-lab-${home}`)
  await until(async () => (await request(url)).server === home, 500)
  assert.match(await logsOf('limpet-lab-balancer'), /moved:down$/m)
})

testOfLab('setup.sh --nginx runs nginx instead of Limpet, with the same addresses in its log', async () => {
  const { code, stderr } = await runScript(SETUP, ['--port', String(port), '--nginx', '--dynamic=1'])
  assert.equal(code, 0, stderr)
  const names = await docker('ps', '--filter', 'label=limpet.lab=setup.sh', '--format', '{{.Names}}')
  assert.deepEqual(
    names.split('\n').sort(),
    ['balancer', 'dynamic-1', 'static-1', 'static-2'].map((name) => `limpet-lab-${name}`),
  )
  assert.notEqual(await docker('exec', 'limpet-lab-balancer', 'id', '-u'), '0')
  const response = await fetch(`http://127.0.0.1:${port}/api/student`)
  assert.equal(response.headers.get('x-served-by'), 'dynamic-1')
  const log = await logsOf('limpet-lab-balancer')
  assert.doesNotMatch(log, /\[(alert|emerg|error)\]/)
  const address = await addressOf('limpet-lab-dynamic-1')
  assert.match(log, new RegExp(`"GET /api/student HTTP/1.1" 200 .* ${address}:80 200 `, 'm'))
  await docker('stop', 'limpet-lab-balancer')
  assert.equal(await docker('inspect', '--format', '{{.State.ExitCode}}', 'limpet-lab-balancer'), '0')
})

testOfLab('setup.sh --discover gives Limpet no address, and it finds the servers', async (test) => {
  const { code, stdout, stderr } = await runScript(SETUP, ['--port', String(port), '--discover', '--static=1'])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /limpet-lab-static-1 /)
  const environment = await docker('inspect', '--format', '{{.Config.Env}}', 'limpet-lab-balancer')
  assert.doesNotMatch(environment, /_BACKEND/)
  assert.equal(await docker('exec', 'limpet-lab-balancer', 'id', '-u'), '1000')
  const api = `http://127.0.0.1:${port}/api/student`
  const found = async () => new Set(await Promise.all([1, 2, 3, 4].map(async () => (await request(api)).server)))
  await until(async () => (await found()).size === 2, 100)
  assert.equal((await request(`http://127.0.0.1:${port}/`)).server, 'static-1')
  const { outcomes } = await loadDuring(api, () => docker('stop', 'limpet-lab-dynamic-2'))
  assert.deepEqual(new Set(outcomes), new Set([200]))
  assert.deepEqual(await found(), new Set(['dynamic-1']))
  const labels = ['limpet.enable=true', 'limpet.upstream=dynamic', 'limpet.port=80'].flatMap((each) => [
    '--label',
    each,
  ])
  await startContainer(test, ...labels, '--env', 'SERVER_NAME=later', '--health-interval', '1s', 'limpet-lab/dynamic')
  await until(async () => (await found()).has('later'), 100)
})

testOfLab('setup.sh reports a taken port in one line', async (test) => {
  const other = createServer().listen(0, '0.0.0.0')
  test.after(() => other.close())
  await new Promise((resolve) => other.on('listening', resolve))
  const { port: taken } = other.address() as { port: number }
  const { code, stderr } = await runScript(SETUP, ['--port', String(taken), '--static=1', '--dynamic=1'])
  assert.deepEqual(
    { code, stderr },
    { code: 1, stderr: `setup.sh: port ${taken} is taken: free it, or choose another with --port\n` },
  )
  assert.equal(await docker('ps', '--all', '--quiet', '--filter', 'label=limpet.lab=setup.sh'), '')
})

test('setup.sh refuses unknown options, and prints its usage', async () => {
  assert.match((await runScript(SETUP, ['--help'])).stdout, /^Usage: /)
  for (const [args, message] of [
    [['--static', '0'], "--static takes a whole number from 1 to 50, not '0'"],
    [['--port=http'], "--port takes a whole number from 1 to 65535, not 'http'"],
    [['--dynamic'], "--dynamic takes a whole number from 1 to 50, not ''"],
    [['--up'], 'there is no option --up'],
    [['--nginx', '--discover'], 'nginx finds no servers: use --discover without --nginx'],
  ] as const) {
    const { code, stderr } = await runScript(SETUP, args)
    assert.equal(code, 1)
    assert.ok(stderr.endsWith(`setup.sh: ${message}\n`), stderr)
  }
})

test('setup.sh reports in one line that Docker is missing', async (test) => {
  const empty = await mkdtemp(join(tmpdir(), 'limpet-no-docker-'))
  test.after(() => rm(empty, { recursive: true }))
  const { code, stderr } = await runScript('/bin/sh', ['-c', `dirname() { echo .; }; PATH=${empty}; . ${SETUP}`])
  assert.equal(code, 1)
  assert.match(stderr, /^setup.sh: Docker is not installed: .*\n$/)
})

testOfLab('the image reads a mounted file, and becomes healthy', async (test) => {
  const server = await startContainer(test, '--env', 'SERVER_NAME=by-file', 'limpet-lab/static')
  const folder = await mkdtemp(join(tmpdir(), 'limpet-mounted-'))
  test.after(() => rm(folder, { recursive: true }))
  const config = `
    listeners: [{ port: 80 }]
    routes: [{ path: /*, upstream: only }]
    upstreams: { only: { servers: [${await addressOf(server)}] } }
  `
  await writeFile(join(folder, 'limpet.yaml'), config, { mode: 0o644 })
  const mount = ['--volume', `${join(folder, 'limpet.yaml')}:/etc/limpet/limpet.yaml:ro`]
  const balancer = await startContainer(
    test,
    ...['--health-interval', '1s', '--publish', '127.0.0.1::80', ...mount, 'limpet-lab/limpet'],
  )
  await untilAnswered(`http://127.0.0.1:${await portOf(balancer)}/`)
  await untilHealth(balancer, 'healthy')
  assert.match(await docker('exec', balancer, 'limpet', 'healthcheck'), /^healthy: http:\/\/127.0.0.1:80 answers/)
  await assert.rejects(docker('exec', balancer, 'limpet', 'healthcheck', '--port', '81'), { code: 1 })
})

testOfLab('a server is healthy as long as it answers', async (test) => {
  const often = ['--health-interval', '1s', '--health-retries', '1']
  const server = await startContainer(test, ...often, 'limpet-lab/dynamic')
  await untilHealth(server, 'healthy')
  const silent = await startContainer(
    test,
    ...often,
    'limpet-lab/static',
    'node',
    '--eval',
    'setInterval(() => {}, 1000)',
  )
  await untilHealth(silent, 'unhealthy')
})

testOfLab('an invalid environment ends the container with one clear message', async () => {
  const result = await runScript('docker', ['run', '--rm', '--env', 'STATIC_APP=a:b', 'limpet-lab/limpet'])
  assert.equal(result.code, 1)
  assert.match(result.stderr, /^STATIC_APP: entry 1: expected host:port.*\nDYNAMIC_BACKEND: .*\n2 problems/)
})

testOfLab('docker stop lets requests in flight finish, well within the ten seconds', async (test) => {
  // It answers 50 requests late, and says when it has all of them.
  const slow = `
    let left = 50
    http.createServer(({ url }, response) => {
      if (url !== '/late') return response.end('at once')
      if (--left === 0) console.log('all')
      setTimeout(() => response.end('late'), 3000)
    }).listen(80)
  `
  const server = await startContainer(test, '--entrypoint', 'node', 'limpet-lab/static', '--eval', slow)
  const backend = `${await addressOf(server)}:80`
  const balancer = await startContainer(
    test,
    ...['--env', `STATIC_BACKEND=${backend}`, '--env', `DYNAMIC_BACKEND=${backend}`],
    ...['--publish', '127.0.0.1::80', 'limpet-lab/limpet'],
  )
  const url = `http://127.0.0.1:${await portOf(balancer)}/`
  await untilAnswered(url)
  const inFlight = Array.from({ length: 50 }, () => request(`${url}late`))
  await until(async () => (await logsOf(server)).includes('all'))
  const begun = performance.now()
  await docker('stop', balancer)
  assert.ok(performance.now() - begun < 8000)
  assert.deepEqual(new Set((await Promise.all(inFlight)).map(({ status }) => status)), new Set([200]))
  assert.equal(await docker('inspect', '--format', '{{.State.ExitCode}}', balancer), '0')
})

testOfLab('the commands of docs/lab.md work as described', async (test) => {
  // The legacy builder leaves stages of the images that these commands build, unless they were cached.
  const before = await namelessImages()
  test.after(async () => {
    const left = (await namelessImages()).filter((image) => !before.includes(image))
    if (left.length > 0) await docker('rmi', ...left)
  })
  const text = await readFile(join(ROOT, 'docs/lab.md'), 'utf8')
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```/gms)].map(([, commands]) => commands!)
  const ports = new Map<string, number>()
  for (const written of ['7777', '8080', '8081']) ports.set(written, await freePort())
  const script = blocks
    .map((commands) => `printf '\\n===\\n'\n${commands}`)
    .join('')
    .replace(/\b(7777|8080|8081)\b/g, (written) => String(ports.get(written)))
    .replaceAll('./setup.sh', `./setup.sh --port ${ports.get('7777')}`)
  const { code, stdout, stderr } = await runScript('/bin/sh', ['-euc', script])
  assert.equal(code, 0, stderr)
  const said = (command: string) => {
    const index = blocks.findIndex((commands) => commands.includes(command))
    return stdout.split('\n===\n')[index + 1]!
  }
  assert.match(said('8080/ | grep'), /<title>.*"city"/s)
  assert.match(said('curl -sI http://localhost:8080/ |'), /^(x-served-by: static-\d)\r?\n(\1\r?\n){3}$/i)
  const turns = said('8080/api/student/7').match(/x-served-by: \S+/gi)!
  assert.deepEqual(
    turns
      .slice(0, 5)
      .sort()
      .join(' ')
      .match(/dynamic-\d/g)?.length,
    5,
  )
  assert.notEqual(turns[0], turns[1])
  assert.equal(turns[0], turns[2])
  assert.match(said('8080/api/student/7'), /404 Not Found\r?\nx-served-by: static-\d\r?\n$/i)
  assert.match(said('--target nginx'), /upstream static \{[^}]*ip_hash;[^}]*server 172.*location = \/api\/student/s)
  const logs = said('docker logs lab-limpet').split('\n')
  assert.equal(logs.filter((line) => /"HEAD \/api\/student HTTP.* 172\S+:80 200 /.test(line)).length, 4)
  assert.match(said('limpet check'), /type: ip-hash/)
  assert.match(said('curl -s http://localhost:7777/ |'), /<title>.*"city".*GET \/api\/student/s)
  assert.match(said('uniq -c'), /^(x-served-by: static-\d\r?\n)\1{5} *\d+ 172\S+\n$/i)
  assert.match(said('--discover'), /static-1 .*published.*limpet-lab-dynamic-2 +\S+ +172\S+:80 /s)
  assert.match(said('lab-dynamic-3'), /x-served-by: dynamic-3.*server lab-dynamic-3: ready → drain/is)
  assert.match(said('--nginx --static 3'), /static-3 .*nginx, published.*(x-served-by: static-\d\r?\n)\1{5}172/is)
})

testWithEngine('setup.sh --down removes everything that it made, and nothing else', async () => {
  const { code, stdout, stderr } = await runScript(SETUP, ['--down'])
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' })
  assert.deepEqual(await everything(), untouched)
})

/** The ids of all containers but those of other tests, and of all images, including those without a name. */
async function everything(): Promise<Set<string>> {
  const [all, ofOthers, images] = await Promise.all([
    docker('ps', '--all', '--quiet'),
    docker('ps', '--all', '--quiet', '--filter', 'label=for.limpet.test'),
    docker('images', '--all', '--quiet'),
  ])
  const others = new Set(ofOthers.split('\n'))
  return new Set(`${all}\n${images}`.split('\n').filter((id) => id !== '' && !others.has(id)))
}

async function untilHealth(container: string, wanted: string): Promise<void> {
  const health = () => docker('inspect', '--format', '{{.State.Health.Status}}', container)
  await until(async () => (await health()) === wanted, 200)
}
