import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readConfigFile } from '../../src/config/file.ts'
import { labConfig } from '../../src/config/lab.ts'

const lab = {
  STATIC_BACKEND: '172.17.0.2:80 172.17.0.3:80',
  DYNAMIC_BACKEND: '172.17.0.4:80 172.17.0.5:80',
}

test("the lab's variables give the same configuration as examples/lab.yaml", () => {
  const file = new URL('../../examples/lab.yaml', import.meta.url).pathname
  assert.deepEqual(labConfig(lab), readConfigFile(file, 'lab.yaml', {}))
})

test('a list accepts names, IPv4 and IPv6, defaults to port 80, and accepts any white space as a separator', () => {
  const { upstreams } = labConfig({ ...lab, STATIC_BACKEND: ' \tstatic-1\n 10.0.0.1:8080\r\n[::1]:81 [::2] ' })
  assert.deepEqual(
    upstreams[0]?.servers.map(({ address }) => address),
    ['static-1:80', '10.0.0.1:8080', '[::1]:81', '[::2]:80'],
  )
})

test('STATIC_APP is another name for STATIC_BACKEND, and both may have the same value', () => {
  const { STATIC_BACKEND, DYNAMIC_BACKEND } = lab
  assert.deepEqual(labConfig({ STATIC_APP: STATIC_BACKEND, DYNAMIC_BACKEND }), labConfig(lab))
  assert.deepEqual(labConfig({ ...lab, STATIC_APP: `  ${STATIC_BACKEND} ` }), labConfig(lab))
})

describe('a problem names its variable and entry, with a working example', () => {
  const staticExample = 'for example STATIC_BACKEND="172.17.0.2:80 172.17.0.3:80"'
  const dynamicExample = 'for example DYNAMIC_BACKEND="172.17.0.4:80 172.17.0.5:80"'
  const cases: [string, NodeJS.ProcessEnv, string[]][] = [
    [
      'a list is not set',
      { STATIC_BACKEND: 'a' },
      [`DYNAMIC_BACKEND: expected a list of host:port, found nothing (${dynamicExample})`],
    ],
    [
      'a list is empty',
      { STATIC_BACKEND: ' ', DYNAMIC_BACKEND: '' },
      [
        `STATIC_BACKEND: expected a list of host:port, found an empty list (${staticExample})`,
        `DYNAMIC_BACKEND: expected a list of host:port, found an empty list (${dynamicExample})`,
      ],
    ],
    [
      'an entry occurs twice in different notations',
      { ...lab, STATIC_BACKEND: 'a b A:80' },
      [`STATIC_BACKEND: entry 3: expected each server once, found "A:80" (remove this entry; ${staticExample})`],
    ],
    [
      'both names of a list are set, and differ',
      { ...lab, STATIC_APP: '172.17.0.9:80' },
      ['STATIC_APP: expected the same list as in STATIC_BACKEND, found a different one (set only one of the two)'],
    ],
    [
      'several entries of both lists are wrong',
      { STATIC_BACKEND: 'a:0 http://b/ c', DYNAMIC_BACKEND: 'd,e ::1' },
      [
        `STATIC_BACKEND: entry 1: expected host:port, such as 172.17.0.2:80, with a port from 1 to 65535, found "a:0" (${staticExample})`,
        `STATIC_BACKEND: entry 2: expected host:port, such as 172.17.0.2:80, found "http://b/" (write b; ${staticExample})`,
        `DYNAMIC_BACKEND: entry 1: expected host:port, such as 172.17.0.2:80, found "d,e" (one address per entry, without commas; ${dynamicExample})`,
        `DYNAMIC_BACKEND: entry 2: expected host:port, such as 172.17.0.2:80, found "::1" (put an IPv6 address in brackets: write [::1] or [::1]:80; ${dynamicExample})`,
      ],
    ],
  ]
  for (const [name, env, lines] of cases) {
    test(name, () => {
      const count = lines.length === 1 ? '1 problem' : `${lines.length} problems`
      const message = [...lines, `${count} in the configuration`].join('\n')
      assert.throws(() => labConfig(env), { name: 'ConfigError', message })
    })
  }

  test('the lists have more servers than the bound', () => {
    const STATIC_BACKEND = Array.from({ length: 16_384 }, (_, index) => `s${index}`).join(' ')
    assert.throws(
      () => labConfig({ STATIC_BACKEND, DYNAMIC_BACKEND: 'd' }),
      /expected at most 16384 servers in total, found 16385/,
    )
  })
})
