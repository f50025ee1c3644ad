// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { ConfigError } from '../../src/config/error.ts'
import { parseConfig, readConfigFile } from '../../src/config/file.ts'
import fc from '../support/property.ts'

const folder = mkdtempSync(join(tmpdir(), 'limpet-file-'))
after(() => rmSync(folder, { recursive: true }))

describe('a file that cannot be read is refused with the reason', () => {
  const cases: [string, string | Buffer | undefined, string][] = [
    ['missing.yaml', undefined, 'missing.yaml: cannot be read: no such file or directory'],
    ['not-text.yaml', Buffer.from('caf\xe9: 1', 'latin1'), 'not-text.yaml: expected UTF-8 text, found other bytes'],
    ['utf-16.yaml', Buffer.from('\ufeffroutes: []', 'utf16le'), 'utf-16.yaml: expected UTF-8 text, found other bytes'],
    ['.', undefined, '.: expected a file, found a directory'],
  ]
  for (const [name, content, expected] of cases) {
    test(name, () => {
      if (content !== undefined) writeFileSync(join(folder, name), content)
      assert.throws(() => readConfigFile(join(folder, name), name, {}), startingWith(expected))
    })
  }

  test('a socket', async () => {
    const path = join(folder, 'socket')
    const server = createServer().listen(path)
    await new Promise((resolve) => server.once('listening', resolve))
    assert.throws(() => readConfigFile(path, 'socket', {}), startingWith('socket: expected a file, found a device or'))
    server.close()
  })
})

test('a named pipe is read like a file', () => {
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const text = 'routes: [{ path: /*, upstream: web }]\nupstreams: { web: { servers: [a] } }\n'
  spawn('sh', ['-c', 'printf %s "$1" > "$2"', 'sh', text, pipe], { stdio: 'ignore' })
  assert.equal(readConfigFile(pipe, 'pipe', {}).upstreams[0]?.servers[0]?.address, 'a:80')
})

describe('for any content of a file, the outcome is a configuration or a ConfigError', () => {
  const outcome = (text: string) => {
    try {
      return parseConfig(text, 'garbage.yaml', { A: '1', B: 'two' })
    } catch (error) {
      assert.ok(error instanceof ConfigError, `threw ${error}`)
      assert.ok(error.problems.length > 0)
      assert.doesNotMatch(error.message.replaceAll('\n', ''), /\p{Cc}/u)
      return undefined
    }
  }

  test('any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void outcome(text)))
  })

  test('any pieces of YAML', () => {
    const pieces = [
      ' ',
      '  ',
      '\n',
      '\t',
      ': ',
      ':',
      '- ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '"',
      "'",
      '&a ',
      '*a',
      '? ',
      '|',
      '>',
    ]
    const words = [
      'routes',
      'upstreams',
      'servers',
      'path',
      'host',
      '/*',
      '${A}',
      '${B',
      '$${',
      '---\n',
      '#',
      '!!str ',
      '~',
      '0',
    ]
    const text = fc.array(fc.constantFrom(...pieces, ...words), { maxLength: 40 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, (text) => void outcome(text)),
      { numRuns: 500 },
    )
  })

  test('any value in the place of any key', () => {
    const keys = [
      'listeners',
      'routes',
      'upstreams',
      'servers',
      'timeouts',
      'limits',
      'accessLog',
      'balance',
      'path',
      'host',
    ]
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom('web', '/*', '10.0.0.1:80', 'x', 0, 1, -1, 1.5, true, null, '', '30s', '${A}'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(
          fc.oneof(fc.constantFrom(...keys, 'upstream', 'type', '__proto__'), fc.string({ maxLength: 3 })),
          tie('value'),
          {
            maxKeys: 4,
          },
        ),
      ),
    }))
    fc.assert(
      fc.property(value, (value) => void outcome(JSON.stringify(value))),
      { numRuns: 500 },
    )
  })

  test('lists nested 100,000 deep', () => {
    assert.equal(outcome('['.repeat(100_000)), undefined)
    assert.equal(outcome(`routes: ${'['.repeat(100)}${']'.repeat(100)}`), undefined)
  })

  test('aliases within aliases that would expand to billions of values', () => {
    const levels = Array.from({ length: 30 }, (_, level) => `a${level}: &a${level} [*a${level - 1}, *a${level - 1}]`)
    assert.equal(outcome(['a-1: &a-1 [x]', ...levels].join('\n')), undefined)
  })
})

test('a file of 16,384 servers is read in reasonable time, one more is refused', () => {
  const fileOf = (count: number) => {
    const servers = Array.from({ length: count }, (_, index) => `      - 10.${index >> 8}.${index & 255}.1:80`)
    return ['routes: [{ path: /*, upstream: web }]', 'upstreams:', '  web:', '    servers:', ...servers].join('\n')
  }
  assert.equal(parseConfig(fileOf(16_384), 'large.yaml', {}).upstreams[0]?.servers.length, 16_384)
  assert.throws(
    () => parseConfig(fileOf(16_385), 'large.yaml', {}),
    /expected at most 16384 servers in total, found 16385/,
  )
})

function startingWith(expected: string): (error: unknown) => boolean {
  return (error) => error instanceof ConfigError && error.message.startsWith(expected)
}
