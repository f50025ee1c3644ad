import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rename, stat, writeFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { it, type TestContext } from 'node:test'
import { HttpSource } from '../../src/config/sources/http.ts'
import { fileProvider } from '../../src/discovery/file.ts'
import { httpProvider } from '../../src/discovery/http.ts'
import { temporaryFolder } from '../support/folder.ts'
import { LIMPET, Lines, runLimpet } from '../support/limpet.ts'
import { until } from '../support/until.ts'
import { inLines, Watched } from '../support/watched.ts'

/** A folder with a configuration whose upstream `app` has the servers of `app.yaml` in it. */
async function place(test: TestContext, list: string, sources = '{ from: file, path: app.yaml, weight: 2 }') {
  const folder = await temporaryFolder(test)
  const config = `routes: [{ path: /*, upstream: app }]\nupstreams: { app: { servers: [${sources}] } }\n`
  await writeFile(join(folder, 'limpet.yaml'), config)
  await writeFile(join(folder, 'app.yaml'), list)
  return folder
}

function start(test: TestContext, folder: string, ...args: string[]) {
  const child = spawn(process.execPath, [LIMPET, 'discover', ...args], { cwd: folder })
  const exit = once(child, 'close').then(([code]) => code as number | null)
  test.after(async () => {
    child.kill('SIGKILL')
    await exit
  })
  return { child, exit, out: new Lines(child.stdout), errors: new Lines(child.stderr) }
}

async function replace(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content)
  await rename(`${path}.new`, path)
}

async function ask(socketPath: string, path = '/', headers = {}, method = 'GET') {
  const request = get({ socketPath, path, headers, method, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}

it('shows what each source sees, what is wrong, and what fails, and then exits with 1', async (test) => {
  const sources = '{ from: file, path: app.yaml, weight: 2 }, { from: http, url: "http://127.0.0.1:1/" }'
  const folder = await place(
    test,
    '- 10.0.0.1:80\n- { name: web-2, address: b, slowStart: 10s, state: drain }\n- 3\n',
    sources,
  )
  const { code, stdout } = await runLimpet(['discover'], {}, folder)
  assert.equal(code, 1)
  assert.match(stdout, /app +web-2 +web-2 +b:80 +drain +file +weight 2, slowStart 10s/)
  assert.match(stdout, /app\.yaml:3:3: \[2\]: expected host:port, or a mapping with an address, found 3/)
  assert.match(stdout, /! http http:\/\/127\.0\.0\.1:1\/ fails: 127\.0\.0\.1:1 refuses connections/)
  const json = await runLimpet(['discover', '--json'], {}, folder)
  const { sources: seen } = JSON.parse(json.stdout)
  assert.deepEqual(
    seen.map((source: Record<string, unknown>) => [source.upstream, source.source, source.state]),
    [
      ['app', 'file', 'ok'],
      ['app', 'http', 'failing'],
    ],
  )
})

it('exits with 0 where all sources answer, and shows each change with --watch', async (test) => {
  const folder = await place(test, '- a:80\n')
  assert.equal((await runLimpet(['discover', '-c', 'limpet.yaml'], {}, folder)).code, 0)
  const { out, child, exit } = start(test, folder, '--watch')
  await out.find(/a:80 +ready/)
  await replace(join(folder, 'app.yaml'), '- b:80\n')
  await out.find(/b:80 +ready/)
  child.kill('SIGTERM')
  assert.equal(await exit, 0)
})

it('writes a file that another process watches', async (test) => {
  const folder = await place(test, '- a:80\n')
  const path = join(folder, 'servers.json')
  const { child, exit, errors } = start(test, folder, '--serve', path, '--mode', '0644')
  await errors.find(/app\.yaml: 1 server$/)
  const watched = new Watched(test, fileProvider({ from: 'file', path }))
  const alive = setInterval(() => {}, 1000)
  test.after(() => clearInterval(alive))
  // It may be looked at before it is there.
  await until(async () => (await stat(path).catch(() => undefined)) !== undefined)
  assert.deepEqual((await watched.next()).servers, [
    { id: 'a:80', name: 'a:80', address: 'a:80', settings: { weight: 2 } },
  ])
  assert.equal((await stat(path)).mode & 0o777, 0o644)
  await replace(join(folder, 'app.yaml'), '- { address: b, weight: 5 }\n- { address: c, state: drain }\n')
  assert.deepEqual(inLines(await watched.next()), ['b:80 b:80', 'c:80 c:80 drain'])
  await replace(join(folder, 'app.yaml'), 'no list\n')
  await errors.find(/fails: .*expected a list of servers, found "no list"/)
  assert.match(await readFile(path, 'utf8'), /"b:80"/)
  child.kill('SIGINT')
  assert.equal(await exit, 0)
  assert.match(await readFile(path, 'utf8'), /"b:80"/)
})

it('answers on a socket that another process asks, at once where there are news', async (test) => {
  const folder = await place(test, '- a:80\n')
  const socket = join(folder, 'l.sock')
  const { child, exit, errors } = start(test, folder, '--serve', `unix:${socket}`)
  await errors.find(/app\.yaml: 1 server$/)
  assert.equal((await stat(socket)).mode & 0o777, 0o600)
  await until(async () => (await ask(socket)).status === 200)
  const source = HttpSource.parse({ from: 'http', url: `unix:${socket}:/app`, interval: '1m' })
  const watched = new Watched(test, httpProvider(source))
  assert.deepEqual(inLines(await watched.next()), ['a:80 a:80'])
  const { headers } = await ask(socket, '/app')
  const held = ask(socket, '/app', { 'if-none-match': headers.etag, prefer: 'wait=60' })
  await replace(join(folder, 'app.yaml'), '- b:80\n')
  const news = await held
  assert.deepEqual([news.status, news.headers['preference-applied']], [200, 'wait=60'])
  assert.match(news.body, /"b:80"/)
  assert.equal((await ask(socket, '/other')).status, 404)
  assert.equal((await ask(socket, '/app', {}, 'DELETE')).status, 405)
  assert.equal((await ask(socket, '/app', { 'if-none-match': news.headers.etag, prefer: 'wait=1' })).status, 304)
  child.kill('SIGTERM')
  assert.equal(await exit, 0)
  assert.equal(await stat(socket).catch(() => 'gone'), 'gone')
})

it('holds back 128 requests and no more, and notifies all of them', async (test) => {
  const folder = await place(test, '- a:80\n')
  const socket = join(folder, 'l.sock')
  const { errors } = start(test, folder, '--serve', `unix:${socket}`)
  await errors.find(/app\.yaml: 1 server$/)
  await until(async () => (await ask(socket)).status === 200)
  const { headers } = await ask(socket, '/app')
  const wait = { 'if-none-match': headers.etag, prefer: 'wait=60' }
  let ended = 0
  const asked = Array.from({ length: 130 }, async () => {
    const answer = await ask(socket, '/app', wait)
    ended++
    return answer
  })
  await until(() => ended === 2)
  await replace(join(folder, 'app.yaml'), '- b:80\n')
  const statuses = (await Promise.all(asked)).map(({ status }) => status)
  assert.deepEqual(
    [statuses.filter((status) => status === 304).length, statuses.filter((status) => status === 200).length],
    [2, 128],
  )
})

it('takes the place of a process that has ended, and of no other', async (test) => {
  const folder = await place(test, '- a:80\n')
  const socket = join(folder, 'l.sock')
  const first = start(test, folder, '--serve', `unix:${socket}`)
  await first.errors.find(/serving lists/)
  const second = await runLimpet(['discover', '--serve', `unix:${socket}`], {}, folder)
  assert.equal(second.code, 1)
  assert.match(second.stderr, /another process serves at/)
  first.child.kill('SIGKILL')
  await first.exit
  const third = start(test, folder, '--serve', `unix:${socket}`)
  await third.errors.find(/serving lists/)
  await until(async () => (await ask(socket)).status === 200)
  const file = await runLimpet(['discover', '--serve', `unix:${join(folder, 'app.yaml')}`], {}, folder)
  assert.equal(file.code, 1)
  assert.match(file.stderr, /is a file, and no socket/)
})

it('answers 503 while a source has not answered yet', async (test) => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  test.after(() => silent.close())
  const { port } = silent.address() as { port: number }
  const sources = `{ from: file, path: app.yaml }, { from: http, url: "http://127.0.0.1:${port}/" }`
  const folder = await place(test, '- a:80\n', sources)
  const socket = join(folder, 'l.sock')
  const { errors } = start(test, folder, '--serve', `unix:${socket}`)
  await errors.find(/app\.yaml: 1 server$/)
  const { status, body } = await ask(socket)
  assert.deepEqual([status, body], [503, 'no source has answered yet\n'])
})

it('refuses a file for the lists of several upstreams, and a mode that nobody may use', async (test) => {
  const folder = await temporaryFolder(test)
  const upstream = '{ servers: { from: file, path: app.yaml } }'
  await writeFile(
    join(folder, 'limpet.yaml'),
    `routes: [{ path: /*, upstream: one }]\nupstreams: { one: ${upstream}, two: ${upstream} }\n`,
  )
  const { code, stderr } = await runLimpet(['discover', '--serve', 'out.json'], {}, folder)
  assert.deepEqual(
    [code, stderr.split('\n')[0]],
    [1, 'limpet: a file holds the list of one upstream, and there are one, two: name one with --upstream'],
  )
  assert.equal((await runLimpet(['discover', '--serve', 'out.json', '--mode', '999'], {}, folder)).code, 2)
})

it('--docker asks the engine for labels, without a file', async (test) => {
  const folder = await temporaryFolder(test)
  const { child, exit } = start(test, folder, '--docker', `unix://${folder}/no.sock`)
  assert.match(await text(child.stdout), /no\.sock does not exist: start the Docker engine/)
  assert.equal(await exit, 1)
})
