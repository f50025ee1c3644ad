/** Redaction of parameter values in the log, in every notation that a client can use. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Redaction } from '../../src/observability/redaction.ts'
import fc from '../support/property.ts'

const redaction = new Redaction(['token', 'sid', 'Clé', 'user[key]'])

const url = (text: string) => redaction.url(Buffer.from(text, 'latin1'), 0, text.length).toString('latin1')
const line = (text: string) => redaction.requestLine(Buffer.from(text, 'latin1'), 0, text.length).toString('latin1')

describe('a value is replaced', () => {
  const cases: Record<string, [string, string]> = {
    'of the first parameter': ['/a?token=secret', '/a?token=***'],
    'of any parameter': ['/a?b=c&token=secret&d=e&sid=secret#f', '/a?b=c&token=***&d=e&sid=***#f'],
    'of each parameter of the name': ['/?sid=secret&sid=secret', '/?sid=***&sid=***'],
    'whatever its length': ['/?sid=x&token=x', '/?sid=***&token=***'],
    'whatever the case of its name': ['/?Token=secret&SID=secret', '/?Token=***&SID=***'],
    'whose name is percent-encoded': ['/?%74o%6Ben=secret&s%69%64=secret', '/?%74o%6Ben=***&s%69%64=***'],
    'whose name has other letters': ['/?cl%C3%A9=secret', '/?cl%C3%A9=***'],
    'of a list': ['/?token[]=secret&token%5B0%5D=secret', '/?token[]=***&token%5B0%5D=***'],
    'of a name with brackets': ['/?user[key]=secret&user%5bkey%5d=secret', '/?user[key]=***&user%5bkey%5d=***'],
    'with whatever it holds': ['/?token=a=b;c=d?e/f&g', '/?token=***&g'],
    'behind a semicolon': ['/?a=b;token=secret&c', '/?a=b;token=***&c'],
    'of a URL within a value': ['/?next=/b?token=secret&c', '/?next=/b?token=***&c'],
    'of a parameter of the path': ['/a;sid=secret/b;c=d;token=secret?e=f', '/a;sid=***/b;c=d;token=***?e=f'],
    'in a URL with a host': ['https://a.example/b?sid=secret', 'https://a.example/b?sid=***'],
    'of a fragment': ['/a#token=secret/with=slash&b', '/a#token=***&b'],
  }
  for (const [name, [written, logged]] of Object.entries(cases)) {
    test(name, () => {
      assert.equal(url(written), logged)
      assert.equal(line(`GET ${written} HTTP/1.1`), `GET ${logged} HTTP/1.1`)
    })
  }

  test('to the end of an invalid request line', () => {
    assert.equal(line('GET /?token=a b c'), 'GET /?token=***')
    assert.equal(line('GET /?token=a secret HTTP/1.1'), 'GET /?token=*** HTTP/1.1')
    assert.equal(line('GET /?token=a HTTP/1.1 secret'), 'GET /?token=***')
    assert.equal(line('?token=secret'), '?token=***')
  })
})

describe('everything else stays unchanged', () => {
  const texts = [
    ...['', '/', '/a', '/a?', '/a?b', '/a?b=c', '/?token', '/?token&sid', '/?token=', '/?token=&b=c', '/?=token'],
    ...['/?tokens=x', '/?atoken=x', '/?to=ken', '/?toke%6=x', '/?token%=x', '/?%', '/?user[name]=x', '/?[token]=x'],
    ...['/token=x', '/?a=token=x', '/?%2574oken=x', '/?a%26token=x', '/?user=x'],
  ]
  for (const text of texts) {
    test(JSON.stringify(text), () => {
      assert.equal(url(text), text)
      assert.equal(line(`GET ${text} HTTP/1.1`), `GET ${text} HTTP/1.1`)
    })
  }
})

test('every secret is removed, and everything else is kept', () => {
  const plain = fc.tuple(
    fc.constantFrom('a', 'tok', 'tokens', 'si', 'id', ''),
    fc.constantFrom('', '1', 'x%20y', 'b=c'),
  )
  const spelling = fc.constantFrom('token', 'TOKEN', '%74oken', 'toke%6e', 'sid', 'S%49D', 'sid[]')
  const secret = fc.tuple(spelling, fc.constantFrom('SECRET', 'SECRET=1', 'SECRET;x', '%3DSECRET'))
  const parameters = fc.array(
    fc.oneof(
      plain.map(([name, value]) => ({ written: `${name}=${value}`, logged: `${name}=${value}` })),
      secret.map(([name, value]) => ({ written: `${name}=${value}`, logged: `${name}=***` })),
    ),
  )
  fc.assert(
    fc.property(parameters, (list) => {
      const query = (kind: 'written' | 'logged') => `/p?${list.map((parameter) => parameter[kind]).join('&')}`
      assert.equal(url(query('written')), query('logged'))
    }),
    { seed: 20_261_126, numRuns: 1000 },
  )
})

test('any bytes are accepted, and bytes outside the range do not affect the result', () => {
  const bytes = fc.uint8Array({ maxLength: 200 }).map((raw) => Buffer.from(raw))
  const alphabet = fc.string({ unit: fc.constantFrom(...'?&;#=%/ tokensid[]46F'), maxLength: 200 }).map(Buffer.from)
  fc.assert(
    fc.property(fc.oneof(bytes, alphabet), (middle) => {
      const around = Buffer.concat([Buffer.from('before?token='), middle, Buffer.from('&after')])
      const from = 'before?token='.length
      const alone = redaction.url(middle, 0, middle.length).toString('latin1')
      assert.equal(redaction.url(around, from, from + middle.length).toString('latin1'), alone)
      assert.ok(alone.length <= 2 * middle.length)
    }),
    { seed: 20_261_126, numRuns: 2000 },
  )
})
