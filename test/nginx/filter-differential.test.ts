/** Requests of every kind through filters: nginx with the export does what Limpet does. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import { compare } from './differential.ts'
import { testWithNginx } from './nginx.ts'

const request = {
  set: { 'X-Client': '${client.address}', 'X-Kind': 'k', 'X-Of': '${request.method} ${request.scheme}!' },
  remove: ['Cookie', 'Authorization', 'under-scored'],
  default: { Accept: 'text/plain', 'User-Agent': 'nobody' },
}
const response = { set: { 'X-Set': '${client.address}' }, add: { 'X-Added': 'a' }, remove: ['X-Accel-Expires'] }

testWithNginx('filters', (test) =>
  compare(
    test,
    400,
    {
      paths: [
        '/',
        '/heads',
        '/heads/x',
        '/addresses/',
        '/addresses/in',
        '/pages',
        '/pages/x',
        '/open/',
        '/posts',
        '/gone',
        '/to/x',
      ],
      hosts: ['example.org', 'www.example.org'],
    },
    4,
    ([a, b, c, d]) => ({
      limits: { bodySize: '1MB' },
      defaults: { filters: ['securityHeaders'] },
      routes: [
        { path: '/*', upstream: 'a', filters: [{ headers: { request, response } }] },
        { path: '/heads/*', upstream: 'b', filters: [{ host: 'inner.example' }, 'bufferResponse', 'bufferRequest'] },
        { path: '/addresses/*', upstream: 'c', filters: [{ deny: ['127.0.0.0/9'] }] },
        {
          path: '/addresses/in',
          upstream: 'c',
          filters: [{ allow: { from: ['127.0.0.0/8'], except: ['127.64.0.0/10'] } }],
        },
        {
          path: '/pages*',
          upstream: 'd',
          filters: [{ errorPages: { pages: [{ status: '4xx', body: 'no' }] } }, { deny: ['127.128.0.0/9'] }],
        },
        { path: '/open/*', upstream: 'a', filters: [{ cors: { origins: ['https://a.test'] } }] },
        { path: '/posts', methods: ['POST', 'PUT'], upstream: 'b', filters: [{ headers: { request } }] },
        { path: '/posts', upstream: 'c', filters: [{ deny: ['127.192.0.0/10'] }] },
        { path: '/gone', filters: [{ respond: { status: 410, body: 'gone' } }] },
        {
          path: '/to/*',
          filters: [
            { deny: ['127.0.0.0/9'] },
            { redirect: { to: 'https://new.example${request.target}', status: 307 } },
          ],
        },
        {
          host: 'www.example.org',
          path: '/heads/*',
          upstream: 'd',
          filters: [{ headers: { request } }, { rateLimit: { rate: '1000/s', burst: 1000, ipv6Prefix: 128 } }],
        },
      ],
      upstreams: Object.fromEntries(
        Object.entries({ a, b, c, d }).map(([name, address]) => [name, { servers: [address] }]),
      ),
    }),
  ),
)
