/** The lab: lists of servers from the environment, the static ones by the client's address, the dynamic ones in turn. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { Agent, get } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { LIMPET, type Limpet, Lines, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

/** The addresses of three servers that answer with their own name and the target that they got. */
async function three(test: TestContext, kind: string): Promise<string> {
  const server = (index: number) =>
    httpOrigin(test, ({ url }, response) => {
      response.end(`${kind}-${index} ${url}`)
    })
  return [await server(0), await server(1), await server(2)].map(({ address }) => address).join(' ')
}

/** The lab has no file: its whole configuration is three variables. */
async function startLab(test: TestContext, flags: readonly string[] = ['--workers', '1']): Promise<Limpet> {
  const env = {
    STATIC_APP: await three(test, 'static'),
    DYNAMIC_BACKEND: await three(test, 'dynamic'),
    PORT: '0',
  }
  return startLimpet(test, undefined, { env, flags })
}

/** Requests over that many kept connections at a time; resolves to the bodies. */
async function fetchMany(port: number, path: string, count: number, connections = 10) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const one = () =>
    new Promise<string>((resolve, reject) => {
      get({ port, path, agent }, (response) => {
        let body = ''
        response.setEncoding('latin1')
        response.on('data', (text) => {
          body += text
        })
        response.on('end', () => resolve(body))
      }).on('error', reject)
    })
  try {
    return await Promise.all(Array.from({ length: count }, one))
  } finally {
    agent.destroy()
  }
}

function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1
  return counts
}

describe('the lab', () => {
  for (const workers of [1, 2]) {
    test(`keeps 1,000 requests from one address on one static server, with ${workers} worker(s)`, async (t) => {
      const lab = await startLab(t, ['--workers', `${workers}`])
      assert.equal(new Set(await fetchMany(lab.port, '/', 1000)).size, 1)
    })

    test(`spreads 1,002 requests over three dynamic servers exactly evenly, with ${workers} worker(s)`, async (t) => {
      const lab = await startLab(t, ['--workers', `${workers}`])
      const counts = tally(await fetchMany(lab.port, '/api/student', 1002))
      assert.deepEqual(Object.values(counts), [334, 334, 334])
    })
  }

  test('sends 127.0.0.1 to the server that nginx was recorded to send it to', async (t) => {
    const lab = await startLab(t)
    assert.deepEqual(await fetchMany(lab.port, '/', 1), ['static-2 /'])
  })

  const dynamic = [
    '/api/student',
    '/api/student/',
    '/api/student?a=1',
    '//api//student',
    '/x/../api/student',
    '/api/%73tudent',
    '/api%2Fstudent/',
  ]
  const fixed = [
    '/',
    '/api',
    '/api/',
    '/api/students',
    '/api/student/1',
    '/API/student',
    '/api/student%2F1',
    '/?/api/student',
  ]
  test('matches the normalised path, and passes the target on unchanged', async (t) => {
    const lab = await startLab(t)
    for (const [kind, targets] of Object.entries({ dynamic, static: fixed })) {
      for (const target of targets) {
        const client = await RawClient.connect(t, lab.port)
        client.say(`GET ${target} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n`)
        const [, body = ''] = (await client.goodbye()).split('\r\n\r\n')
        assert.match(body, new RegExp(`${kind}-\\d `), target)
        assert.ok(body.includes(` ${target}`), `${target} arrived as ${body}`)
      }
    }
  })

  test('logs which server got each request, and that its client stayed', async (t) => {
    const lab = await startLab(t)
    await fetchMany(lab.port, '/page', 3, 1)
    const lines = await lab.log.matching(/"GET \/page HTTP\/1.1" 200/, 3)
    const combined =
      /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \/page HTTP\/1.1" 200 14 "-" "-" (127\.0\.0\.1:\d+) 200 \d+\.\d{3} stuck$/
    assert.equal(new Set(lines.map((line) => combined.exec(line)?.[1])).size, 1)
    assert.match(lines[0]!, combined)
  })
})

describe('a mistake in the lists of servers', () => {
  const cases = {
    'nothing at all': [{}, /STATIC_BACKEND/],
    'one list missing': [{ STATIC_BACKEND: '10.0.0.1' }, /DYNAMIC_BACKEND.*DYNAMIC_BACKEND="/s],
    'an empty list': [{ STATIC_BACKEND: ' ', DYNAMIC_BACKEND: '10.0.0.1' }, /STATIC_BACKEND/],
    'an invalid port': [
      { STATIC_BACKEND: '10.0.0.1:99999', DYNAMIC_BACKEND: '10.0.0.2' },
      /STATIC_BACKEND.*10\.0\.0\.1:99999/,
    ],
    'an address without brackets': [{ STATIC_BACKEND: '::1', DYNAMIC_BACKEND: '10.0.0.2' }, /STATIC_BACKEND.*\[::1\]/],
  } as const
  for (const [name, [env, expected]] of Object.entries(cases)) {
    test(`${name} ends the start with one clear message`, async () => {
      const { code, stdout, stderr } = await runLimpet(['run'], env)
      assert.equal(code, 1)
      assert.equal(stdout, '')
      assert.match(stderr, expected)
      assert.doesNotMatch(stderr, /\n\s+at /)
    })
  }
})

describe('limpet demo (npm start)', () => {
  test('listens where PORT says', async (t) => {
    const port = await freePort()
    const demo = spawn(process.execPath, [LIMPET, 'demo'], {
      env: { ...process.env, PORT: String(port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => demo.kill('SIGKILL'))
    await new Lines(demo.stdout).find(new RegExp(`Open +http://127.0.0.1:${port}/`))
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200)
  })

  for (const [args, env, complaint] of [
    [[], { PORT: '80a' }, /'80a' from env 'PORT' is invalid\. Expected a whole number from 0 to 65535\./],
    [['--port', '99999'], { PORT: '' }, /argument '99999' is invalid\. Expected a whole number from 0 to 65535\./],
  ] as const) {
    test(`refuses ${JSON.stringify({ args, env })}`, async () => {
      const { code, stderr } = await runLimpet(['demo', ...args], env)
      assert.equal(code, 2)
      assert.match(stderr, complaint)
    })
  }
})
