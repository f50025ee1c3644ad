/** The commands of docs/discovery/etcd.md, against a real etcd. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { parseConfig } from '../../src/config/file.ts'
import type { EtcdSource } from '../../src/config/sources/etcd.ts'
import { etcdProvider } from '../../src/discovery/etcd.ts'
import { Etcd, testWithEtcd } from '../support/etcd.ts'
import { Watched } from '../support/watched.ts'

const page = readFileSync(new URL('../../docs/discovery/etcd.md', import.meta.url), 'utf8')
const [put, drain, users, ...others] = [...page.matchAll(/^```sh\n(.*?)^```/gms)].map(([, commands]) => commands!)
const [configuration] = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text]) => text!)

testWithEtcd('the commands of the page do what it says', async (t) => {
  const etcd = await Etcd.start(t)
  const env = { ...process.env, ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: etcd.url, ETCD_PASSWORD: 'secret' }
  const run = (commands: string) => promisify(execFile)('bash', ['-euc', commands], { env })
  const config = parseConfig(`routes: [{ path: /*, upstream: app }]\n${configuration}`, 'limpet.yaml', {})
  const source = { ...(config.upstreams[0]!.sources[0] as EtcdSource), endpoints: [etcd.url] }

  await run(put!)
  const watched = new Watched(t, etcdProvider(source))
  assert.deepEqual((await watched.next()).servers, [
    { id: 'web-1', name: 'web-1', address: '10.0.0.1:8080' },
    { id: 'web-2', name: 'web-2', address: '10.0.0.2:8080', settings: { weight: 3 } },
  ])
  await run(drain!)
  assert.equal((await watched.next()).servers[0]?.state, 'drain')

  await run(users!)
  await run('etcdctl user add root:root; etcdctl user grant-role root root; etcdctl auth enable')
  const signedIn = new Watched(t, etcdProvider({ ...source, user: 'limpet', password: 'secret' }))
  assert.equal((await signedIn.next()).servers.length, 2)
  assert.deepEqual(others, [], 'each block of commands is run')
})
