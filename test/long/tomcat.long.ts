/** Tomcat with a jvmRoute: its session ids name their server, in cookies and in paths (`apt install tomcat10`). */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startLimpet } from '../support/limpet.ts'
import { until } from '../support/until.ts'
import { User } from '../support/user.ts'

const HOME = '/usr/share/tomcat10'
const SETTINGS = '/etc/tomcat10'
const missing = existsSync(HOME) ? false : 'there is no Tomcat 10'

const serverXml = (port: number, route: string) => `
  <Server port="-1">
    <Service name="Catalina">
      <Connector port="${port}" address="127.0.0.1" protocol="HTTP/1.1" />
      <Engine name="Catalina" defaultHost="localhost" jvmRoute="${route}">
        <Host name="localhost" appBase="webapps" unpackWARs="false" autoDeploy="false" />
      </Engine>
    </Service>
  </Server>
`

/** Counts in its session. Says where it runs, how far it is, and how it would write a link. */
const PAGE = `<%@ page contentType="text/plain" %><%
  Integer before = (Integer) session.getAttribute("count");
  int count = before == null ? 1 : before + 1;
  session.setAttribute("count", count);
  out.print(System.getProperty("limpet.route") + " " + count + " " + response.encodeURL("/index.jsp"));
%>`

/** One Tomcat in a process of its own. */
class Tomcat {
  readonly route: string
  readonly port: number
  readonly #folder: string
  #process: ChildProcess | undefined

  private constructor(route: string, port: number, folder: string) {
    this.route = route
    this.port = port
    this.#folder = folder
  }

  static async start(t: TestContext, route: string): Promise<Tomcat> {
    const folder = await temporaryFolder(t)
    const tomcat = new Tomcat(route, await freePort(), folder)
    for (const part of ['conf', 'logs', 'temp', 'work', 'webapps/ROOT'])
      await mkdir(join(folder, part), { recursive: true })
    for (const file of ['web.xml', 'catalina.properties'])
      await copyFile(join(SETTINGS, file), join(folder, 'conf', file))
    await writeFile(join(folder, 'conf', 'server.xml'), serverXml(tomcat.port, route))
    await writeFile(join(folder, 'webapps/ROOT/index.jsp'), PAGE)
    t.after(() => tomcat.kill())
    await tomcat.run()
    return tomcat
  }

  async run(): Promise<void> {
    const jars = ['bootstrap.jar', 'tomcat-juli.jar'].map((jar) => join(HOME, 'bin', jar)).join(':')
    const settings = { 'catalina.home': HOME, 'catalina.base': this.#folder, 'limpet.route': this.route }
    const flags = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)
    const temporary = `-Djava.io.tmpdir=${join(this.#folder, 'temp')}`
    const command = [...flags, temporary, '-cp', jars, 'org.apache.catalina.startup.Bootstrap', 'start']
    this.#process = spawn('java', command, { stdio: 'ignore' })
    // A new session each time, of which nobody knows.
    await until(
      async () => (await fetch(`http://127.0.0.1:${this.port}/index.jsp`).catch(() => undefined))?.ok === true,
      200,
    )
  }

  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

/** A user who keeps no cookies and follows links. */
class Follower {
  readonly #user = new User()
  #link = '/index.jsp'

  async get(port: number): Promise<string> {
    this.#user.cookies.clear()
    const { status, body } = await this.#user.get(port, this.#link)
    assert.equal(status, 200)
    const [route, count, link] = body.split(' ')
    assert.match(link!, new RegExp(`^/index\\.jsp;jsessionid=[0-9A-F]{32}\\.${route}$`))
    this.#link = link!
    return `${route} ${count}`
  }
}

/** A user who keeps cookies. */
class Browser {
  readonly #user = new User()

  async get(port: number): Promise<string> {
    const { status, body } = await this.#user.get(port, '/index.jsp')
    assert.equal(status, 200)
    return body.split(' ').slice(0, 2).join(' ')
  }
}

test('users of two Tomcats keep their server, with and without cookies, by any Limpet', {
  skip: missing,
}, async (t) => {
  const tomcats = { web1: await Tomcat.start(t, 'web1'), web2: await Tomcat.start(t, 'web2') }
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    routes: [{ path: /*, upstream: tomcat }]
    upstreams:
      tomcat:
        affinity: { type: server-id, from: ["cookie:JSESSIONID", "path:jsessionid"] }
        servers:
          - { id: web1, address: "127.0.0.1:${tomcats.web1.port}" }
          - { id: web2, address: "127.0.0.1:${tomcats.web2.port}" }
  `
  // They share nothing.
  const replicas = [await startLimpet(t, config), await startLimpet(t, config)]
  const users = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? new Browser() : new Follower()))
  const homes = new Map<Browser | Follower, string>()
  for (const user of users) {
    const [route, count] = (await user.get(replicas[0]!.port)).split(' ')
    assert.equal(count, '1')
    homes.set(user, route!)
  }
  assert.equal([...homes.values()].filter((route) => route === 'web1').length, 10)
  for (let turn = 2; turn <= 10; turn++) {
    for (const user of users) assert.equal(await user.get(replicas[turn % 2]!.port), `${homes.get(user)} ${turn}`)
  }
  const newest = await startLimpet(t, config)
  for (const user of users) assert.equal(await user.get(newest.port), `${homes.get(user)} 11`)

  // Those of a killed server begin again on the other one, and stay there, since their ids name that one from then on.
  await tomcats.web1.kill()
  for (const user of users) assert.equal(await user.get(newest.port), homes.get(user) === 'web1' ? 'web2 1' : 'web2 12')
  await tomcats.web1.run()
  for (const user of users) {
    for (const { port } of replicas)
      assert.match(await user.get(port), homes.get(user) === 'web1' ? /^web2 [23]$/ : /^web2 1[34]$/)
  }
})
