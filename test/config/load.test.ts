import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { type LoadOptions, loadConfig } from '../../src/config/load.ts'
import { formatOrigin } from '../../src/config/origin.ts'
import type { Config } from '../../src/config/schema.ts'

const folder = mkdtempSync(join(tmpdir(), 'limpet-load-'))
after(() => rmSync(folder, { recursive: true }))

const lab = { STATIC_BACKEND: '10.0.1.1 10.0.1.2', DYNAMIC_BACKEND: '10.0.2.1' }

/** A working directory with these files. Each is a configuration with one upstream of the given name. */
function directoryWith(files: Record<string, string>): string {
  const cwd = mkdtempSync(join(folder, 'cwd-'))
  for (const [file, upstream] of Object.entries(files)) writeFileSync(join(cwd, file), fileOf(upstream))
  return cwd
}

function fileOf(upstream: string): string {
  return `routes: [{ path: /*, upstream: ${upstream} }]\nupstreams: { ${upstream}: { servers: [10.0.0.1] } }\n`
}

const load = (options: Partial<LoadOptions>) => loadConfig({ env: {}, cwd: directoryWith({}), ...options })
const upstreamsOf = (options: Partial<LoadOptions>) => load(options).config.upstreams.map(({ name }) => name)
const refusal = (options: Partial<LoadOptions>, ...lines: string[]) => {
  const count = lines.length === 1 ? '1 problem' : `${lines.length} problems`
  assert.throws(() => load(options), {
    name: 'ConfigError',
    message: [...lines, `${count} in the configuration`].join('\n'),
  })
}

describe('the configuration comes from the first source that exists', () => {
  const cwd = directoryWith({ 'flag.yaml': 'flag', 'variable.yaml': 'variable', 'limpet.yaml': 'standard' })

  test('the file of the command line', () => {
    assert.deepEqual(upstreamsOf({ file: 'flag.yaml', env: { LIMPET_CONFIG: 'variable.yaml' }, cwd }), ['flag'])
    assert.deepEqual(upstreamsOf({ file: join(cwd, 'flag.yaml') }), ['flag'])
  })

  test('the file of LIMPET_CONFIG', () => {
    assert.deepEqual(upstreamsOf({ env: { LIMPET_CONFIG: 'variable.yaml' }, cwd }), ['variable'])
  })

  test('limpet.yaml in the working directory', () => {
    assert.deepEqual(upstreamsOf({ cwd }), ['standard'])
    assert.deepEqual(upstreamsOf({ env: { LIMPET_CONFIG: '' }, cwd }), ['standard'])
  })

  test("the lab's variables", () => {
    assert.deepEqual(upstreamsOf({ env: lab }), ['static', 'dynamic'])
  })

  test('none: the error lists all ways to provide one', () => {
    refusal(
      {},
      'expected a configuration, found none (name a file with -c FILE or LIMPET_CONFIG, or create limpet.yaml or ' +
        '/etc/limpet/limpet.yaml; or set STATIC_BACKEND="172.17.0.2:80 172.17.0.3:80" ' +
        'DYNAMIC_BACKEND="172.17.0.4:80 172.17.0.5:80")',
    )
  })

  test('a named file that is missing is an error; no other source is tried', () => {
    refusal({ file: 'nope.yaml', env: lab, cwd }, 'nope.yaml: cannot be read: no such file or directory')
  })

  test('a directory in the place of limpet.yaml', () => {
    const cwd = directoryWith({})
    mkdirSync(join(cwd, 'limpet.yaml'))
    refusal({ cwd }, 'limpet.yaml: expected a file, found a directory')
  })
})

describe('a flag overrides a variable, and a variable overrides the file', () => {
  const cwd = directoryWith({})
  writeFileSync(
    join(cwd, 'limpet.yaml'),
    `${fileOf('web')}listeners: [{ address: "::1", port: 1000 }]\nworkers: 1\naccessLog: { file: /log }\n`,
  )

  test('for the port', () => {
    assert.deepEqual(load({ cwd }).config.listeners, [{ address: '::1', port: 1000, proxyProtocol: false }])
    assert.deepEqual(load({ cwd, env: { PORT: '2000' } }).config.listeners, [
      { address: '::1', port: 2000, proxyProtocol: false },
    ])
    assert.deepEqual(portOf(load({ cwd, env: { PORT: '2000' }, flags: { port: 3000 } }).config), 3000)
    assert.deepEqual(load({ env: { ...lab, PORT: '2000' } }).config.listeners, [
      { address: '0.0.0.0', port: 2000, proxyProtocol: false },
    ])
  })

  test('for the workers', () => {
    assert.equal(load({ cwd }).config.workers, 1)
    assert.equal(load({ cwd, env: { LIMPET_WORKERS: '2' } }).config.workers, 2)
    assert.equal(load({ cwd, env: { LIMPET_WORKERS: '2' }, flags: { workers: '3' } }).config.workers, 3)
    assert.equal('workers' in load({ env: lab }).config, false)
  })

  test('for the format of the access log, without a change of its file', () => {
    assert.deepEqual(load({ cwd, env: { LIMPET_ACCESS_LOG: 'json' } }).config.accessLog, {
      format: 'json',
      file: '/log',
    })
    assert.equal(
      load({ cwd, env: { LIMPET_ACCESS_LOG: 'json' }, flags: { accessLog: 'off' } }).config.accessLog.format,
      'off',
    )
  })

  test('an empty variable is ignored', () => {
    assert.deepEqual(load({ cwd, env: { PORT: '', LIMPET_WORKERS: '', STATIC_BACKEND: '' } }), load({ cwd }))
  })

  test('an invalid variable is ignored if a flag replaces it', () => {
    assert.equal(portOf(load({ cwd, env: { PORT: 'http' }, flags: { port: '3000' } }).config), 3000)
  })
})

describe("with a file, the lab's lists replace the servers of its upstreams", () => {
  const cwd = directoryWith({ 'limpet.yaml': 'static' })

  test('of the same name, and leave the rest unchanged', () => {
    const { config } = load({ cwd, env: { STATIC_APP: '10.0.9.1:81 10.0.9.2' } })
    const before = load({ cwd }).config
    assert.deepEqual(
      config.upstreams[0]?.servers.map(({ name }) => name),
      ['10.0.9.1:81', '10.0.9.2:80'],
    )
    assert.deepEqual({ ...config, upstreams: [] }, { ...before, upstreams: [] })
  })

  test('and its sources', () => {
    const file = '{ routes: [{ path: /*, upstream: static }], upstreams: { static: { servers: { from: docker } } } }'
    const sourced = directoryWith({})
    writeFileSync(join(sourced, 'limpet.yaml'), file)
    const { config } = load({ cwd: sourced, env: { STATIC_BACKEND: '10.0.9.1' } })
    const [{ servers, sources }] = config.upstreams as [Config['upstreams'][number]]
    assert.deepEqual([servers.map(({ name }) => name), sources], [['10.0.9.1:80'], []])
  })

  test('and are refused if there is no such upstream', () => {
    refusal(
      { cwd, env: { DYNAMIC_BACKEND: 'a' } },
      'DYNAMIC_BACKEND: expected an upstream named dynamic, whose servers it replaces, found static ' +
        '(unset DYNAMIC_BACKEND, or name an upstream dynamic)',
    )
  })
})

describe('--docker', () => {
  const cwd = directoryWith({ 'limpet.yaml': 'static' })

  test('adds the labels of containers to the file', () => {
    const { config, origin } = load({ cwd, flags: { docker: true } })
    assert.deepEqual(config.discovery, { docker: { exposeByDefault: false } })
    assert.equal(formatOrigin(origin), `${join(cwd, 'limpet.yaml')}, with --docker`)
  })

  test('names the engine, and leaves what the file says of it', () => {
    writeFileSync(join(cwd, 'docker.yaml'), `${fileOf('web')}discovery: { docker: { exposeByDefault: true } }\n`)
    const { config } = load({ cwd, file: 'docker.yaml', flags: { docker: 'tcp://10.0.0.1' } })
    assert.deepEqual(config.discovery, { docker: { exposeByDefault: true, host: 'tcp://10.0.0.1' } })
  })

  test('needs no file', () => {
    const { config, origin } = load({ cwd: directoryWith({}), flags: { docker: 'tcp://10.0.0.1', port: 8080 } })
    const { routes, upstreams, discovery, listeners } = config
    assert.deepEqual({ routes, upstreams }, { routes: [], upstreams: [] })
    assert.deepEqual(discovery, { docker: { exposeByDefault: false, host: 'tcp://10.0.0.1' } })
    assert.deepEqual(listeners, [{ address: '0.0.0.0', port: 8080, proxyProtocol: false }])
    assert.equal(formatOrigin(origin), 'labels, with --port, --docker')
  })

  test('is understood where there is no configuration, by those who ask a running Limpet', () => {
    const { config } = load({ mayBeFound: true })
    assert.deepEqual(config, load({ flags: { docker: true } }).config)
    assert.deepEqual(upstreamsOf({ mayBeFound: true, env: lab }), ['static', 'dynamic'])
  })

  test('is refused where it names none', () => {
    refusal(
      { cwd, flags: { docker: '/run/docker.sock' } },
      '--docker: expected the address of a Docker engine, such as unix:///var/run/docker.sock or ' +
        'tcp://10.0.0.1:2376, found "/run/docker.sock" (write unix:///run/docker.sock)',
    )
  })
})

describe('a problem with a flag or a variable', () => {
  test('is reported together with the problems in the file', () => {
    const cwd = directoryWith({})
    writeFileSync(join(cwd, 'limpet.yaml'), `${fileOf('web')}worker: 1\n`)
    refusal(
      { cwd, env: { PORT: '80a', STATIC_BACKEND: 'a:b' }, flags: { workers: 0, accessLog: 'jsn' } },
      'limpet.yaml:3:1: worker: unknown key, expected listeners, trustedProxies, clientAddressFrom, workers, routes, defaults, upstreams, discovery, hostNames, instance, stateDirectory, admin, metrics, accessLog, log, tracing, timeouts or limits (did you mean workers?)',
      'STATIC_BACKEND: entry 1: expected host:port, such as 172.17.0.2:80, found "a:b" (for example STATIC_BACKEND="172.17.0.2:80 172.17.0.3:80")',
      'PORT: expected a whole number from 0 to 65535, found "80a" (for example PORT=8080)',
      '--workers: expected a whole number from 1 to 64, found 0 (for example --workers 2)',
      '--access-log: expected combined, vhost, json or off, found "jsn" (did you mean json?)',
    )
  })

  test('an empty flag is invalid', () => {
    refusal(
      { env: lab, flags: { port: '' } },
      '--port: expected a whole number from 0 to 65535, found "" (for example --port 8080)',
    )
  })

  test('a port is refused where a route names the listener by its own', () => {
    const cwd = directoryWith({})
    const routes =
      'routes: [{ path: /*, listener: 80, upstream: web }]\nupstreams: { web: { servers: ["10.0.0.1:80"] } }\n'
    writeFileSync(join(cwd, 'limpet.yaml'), `${routes}listeners: [{ port: 80 }]\n`)
    refusal(
      { cwd, flags: { port: 90 } },
      '--port: expected no route that names the listener by its port, found one for 80 (give the listener a name, and write that in the route)',
    )
  })

  test('a port for several listeners is refused', () => {
    const cwd = directoryWith({})
    writeFileSync(join(cwd, 'limpet.yaml'), `${fileOf('web')}listeners: [{ port: 80 }, { port: 81 }]\n`)
    refusal(
      { cwd, flags: { port: 90 } },
      '--port: expected exactly one listener, whose port it replaces, found 2 (set the ports in the file)',
    )
  })

  test('the port of the admin API is refused', () => {
    const cwd = directoryWith({})
    writeFileSync(join(cwd, 'limpet.yaml'), `${fileOf('web')}admin: on\n`)
    refusal(
      { cwd, flags: { port: 9000 } },
      "--port: expected a port other than the admin API's, found 9000 (choose another port here, or another one for admin in the file)",
    )
    assert.equal(portOf(load({ cwd, flags: { port: 9001 } }).config), 9001)
  })

  test('the port of the metrics is refused', () => {
    const cwd = directoryWith({})
    writeFileSync(join(cwd, 'limpet.yaml'), `${fileOf('web')}metrics: {}\n`)
    refusal(
      { cwd, flags: { port: 9001 } },
      '--port: expected a port other than that of the metrics, found 9001 (choose another port here, or another one for metrics in the file)',
    )
    assert.equal(portOf(load({ cwd, flags: { port: 9000 } }).config), 9000)
  })

  test('lists with too many servers are refused', () => {
    const cwd = directoryWith({ 'limpet.yaml': 'static' })
    const servers = Array.from({ length: 16_385 }, (_, index) => `s${index}`).join(' ')
    refusal(
      { cwd, env: { STATIC_BACKEND: servers } },
      'STATIC_BACKEND: expected at most 16384 servers in total, found 16385',
    )
  })
})

test('the origin names the file and everything that replaced a part of it', () => {
  const cwd = directoryWith({ 'limpet.yaml': 'static' })
  const { origin } = load({ cwd, env: { ...lab, DYNAMIC_BACKEND: undefined, LIMPET_WORKERS: '2' }, flags: { port: 1 } })
  assert.deepEqual(origin, {
    file: join(cwd, 'limpet.yaml'),
    overrides: ['STATIC_BACKEND', '--port', 'LIMPET_WORKERS'],
  })
  assert.equal(formatOrigin(origin), `${join(cwd, 'limpet.yaml')}, with STATIC_BACKEND, --port, LIMPET_WORKERS`)
  assert.equal(formatOrigin(load({ env: lab }).origin), 'the environment (STATIC_BACKEND, DYNAMIC_BACKEND)')
})

describe('the default name of a cookie depends on the instance and the upstream', () => {
  const file = (settings: string) =>
    `${settings}\nroutes: [{ path: /*, upstream: app }]\n` +
    'upstreams: { app: { affinity: cookie, servers: [a] }, api: { affinity: cookie, servers: [a] }, own: { affinity: { type: cookie, name: own }, servers: [a] } }\n'

  function namesOf(settings: string, options: Partial<LoadOptions> = {}): (string | undefined)[] {
    const cwd = directoryWith({})
    writeFileSync(join(cwd, 'limpet.yaml'), file(settings))
    const { upstreams } = load({ cwd, ...options }).config
    return upstreams.map(({ affinity }) => (affinity?.type === 'cookie' ? affinity.name : undefined))
  }

  test('so that replicas share it, and neighbours on one host, or upstreams, do not', () => {
    const [app, api, own] = namesOf('listeners: [{ port: 8080 }]')
    assert.match(app!, /^limpet-[0-9a-f]{6}$/)
    assert.notEqual(app, api)
    assert.equal(own, 'own')
    assert.deepEqual(namesOf('listeners: [{ port: 8080, address: 127.0.0.1 }]'), [app, api, own])
    assert.notEqual(namesOf('listeners: [{ port: 8081 }]')[0], app)
    assert.notEqual(namesOf('listeners: [{ port: 8080 }, { port: 8443 }]')[0], app)
    assert.deepEqual(
      namesOf('listeners: [{ port: 8443 }, { port: 8080 }]'),
      namesOf('listeners: [{ port: 8080 }, { port: 8443 }]'),
    )
  })

  test('in their final form, with flags and variables applied', () => {
    const byPort = namesOf('listeners: [{ port: 8080 }]')
    assert.deepEqual(namesOf('', { flags: { port: '8080' } }), byPort)
    assert.deepEqual(namesOf('', { env: { PORT: '8080' } }), byPort)
    const byName = namesOf('instance: shop')
    assert.notDeepEqual(byName, namesOf(''))
    assert.deepEqual(namesOf('instance: shop', { flags: { port: '8080' } }), byName)
    assert.deepEqual(namesOf('instance: web', { flags: { instance: 'shop' }, env: { LIMPET_INSTANCE: 'x' } }), byName)
    assert.deepEqual(namesOf('', { env: { LIMPET_INSTANCE: 'shop' } }), byName)
    assert.deepEqual(namesOf('', { flags: { instance: '8080' } }), byPort)
  })

  test('and the instance must be a valid name', () => {
    refusal(
      { env: { ...lab, LIMPET_INSTANCE: 'a shop' } },
      'LIMPET_INSTANCE: expected a name of at most 64 letters, digits and . _ -, found "a shop" (for example LIMPET_INSTANCE=shop)',
    )
  })
})

function portOf({ listeners: [listener] }: Config): number | undefined {
  return listener && 'port' in listener ? listener.port : undefined
}
