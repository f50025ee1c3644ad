// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import assert from 'node:assert/strict'
import { testBoth } from '../support/filtered.ts'

testBoth(
  'headers of a request are removed, set and added',
  [
    {
      path: '/*',
      filters: [
        {
          headers: {
            request: {
              remove: ['X-Secret', 'Cookie'],
              set: {
                'X-Who': '${client.address}',
                'X-Query': '${request.query.q}',
                'X-From': '${request.header.x-secret}',
              },
              add: { 'X-More': 'two' },
            },
          },
        },
        {
          headers: {
            request: { set: { 'X-Seen': '${request.header.x-who} ${request.target} ${request.header.x-secret}' } },
          },
        },
      ],
    },
  ],
  async (client) => {
    const { headers } = await client.got('/a?q=%0d%0aX-Evil:1&q=2', {
      headers: { 'X-Secret': 's', X_Secret: 't', Cookie: 'a=b', 'X-Who': 'me', x_who: 'me', 'X-More': 'one' },
    })
    assert.equal(headers['x-secret'], undefined)
    assert.equal(headers.x_secret, undefined)
    assert.equal(headers.cookie, undefined)
    assert.equal(headers['x-who'], '127.0.0.1')
    assert.equal(headers.x_who, undefined, 'a server could not tell it from the header that was set')
    assert.equal(headers['x-more'], 'one, two')
    assert.equal(headers['x-query'], '%0d%0aX-Evil:1')
    assert.equal(headers['x-from'], '', 'as the changes before have left the request')
    assert.equal(headers['x-seen'], '127.0.0.1 /a?q=%0d%0aX-Evil:1&q=2')
    assert.equal(headers['x-evil'], undefined)
    assert.equal((await client.got('/b')).headers['x-query'], '', 'nothing of one request is left for the next')
  },
)

testBoth(
  'headers of a response are removed, set and added, the last filter first',
  [
    {
      path: '/*',
      filters: [
        { headers: { response: { set: { 'X-Order': 'first' }, add: { Link: '</a>' } } } },
        {
          headers: {
            response: {
              remove: 'Server',
              set: { 'X-Order': 'last', 'X-Server': '${server.name} of ${upstream.name}' },
            },
          },
        },
      ],
    },
    {
      path: '/none',
      methods: ['PUT'],
      filters: [{ headers: { response: { set: { 'X-Own': 'yes' } } } }, { respond: { status: 204 } }],
      upstream: undefined,
    },
  ],
  async (client) => {
    const { headers } = await client.ask('/', {
      headers: { 'X-Answer': '{"Server":"x","X-Order":"server","Link":"</b>"}' },
    })
    assert.equal(headers['x-order'], 'first')
    assert.equal(headers.server, undefined)
    assert.equal(headers.link, '</b>, </a>')
    assert.equal(headers['x-server'], 'one of mirror')
    assert.equal((await client.ask('/none', { method: 'PUT' })).headers['x-own'], 'yes', 'those of Limpet itself, too')
  },
)
