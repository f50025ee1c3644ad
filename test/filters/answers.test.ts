import assert from 'node:assert/strict'
import { testBoth } from '../support/filtered.ts'

testBoth(
  'addresses in answers are rewritten for an application under a prefix',
  [
    {
      path: '/app/*',
      filters: [
        { path: { strip: '/app' } },
        {
          answers: {
            location: { 'http://inner:8080/': '/app/', '/': '/app/', '/deep/': '/elsewhere/' },
            cookiePath: { '/': '/app/' },
            cookieDomain: { 'inner.example': 'www.example.org', local: '' },
          },
        },
      ],
    },
  ],
  async (client) => {
    const ask = async (answer: object) => {
      const { headers } = await client.ask('/app/x', { headers: { 'X-Answer': JSON.stringify(answer) } })
      return headers
    }
    const moved = async (Location: string) => (await ask({ status: 302, Location })).location
    assert.equal(await moved('/a?b#c'), '/app/a?b#c')
    assert.equal(await moved('http://inner:8080/a'), '/app/a')
    assert.equal(await moved('https://other.example/'), 'https://other.example/')
    assert.equal(await moved('/deep/a'), '/elsewhere/a')
    const cookies = await ask({
      'Set-Cookie': [
        'a=Path=/; path=/; HttpOnly',
        'b=2; Path=/x; Domain=.Inner.Example; Secure',
        'c=3;Domain=local',
        'e=5; PATH = / ; path; domain=; =x',
        'd=4; Expires=Wed, 09 Jun 2027 10:18:14 GMT; Domain=other.example',
      ],
    })
    assert.deepEqual(cookies['set-cookie'], [
      'a=Path=/; Path=/app/; HttpOnly',
      'b=2; Path=/app/x; Domain=www.example.org; Secure',
      'c=3',
      'e=5; Path=/app/; path; domain=; =x',
      'd=4; Expires=Wed, 09 Jun 2027 10:18:14 GMT; Domain=other.example',
    ])
  },
)
