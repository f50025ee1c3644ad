import type { Key, Meaning } from '../keys.ts'

const inTraefik = "a file in Traefik's container"
const trusted = 'trustedProxies says which address a client has'
const trustedHeaders = 'trustedProxies says which headers are believed'
const byTrust = `${trusted}: leave the label out`
const whole = 'an option for which Limpet has none'

type Options = Readonly<Record<string, readonly [meaning: Meaning, why: string]>>

const sources: Options = {
  'sourcecriterion.requestheadername': ['read', 'by: header:NAME'],
  'sourcecriterion.requesthost': ['read', 'by: header:host'],
  'sourcecriterion.ipstrategy': ['read', 'by: client.address'],
  'sourcecriterion.ipstrategy.depth': ['noted', trusted],
  'sourcecriterion.ipstrategy.excludedips': ['noted', trusted],
  'sourcecriterion.ipstrategy.ipv6subnet': ['read', 'ipv6Prefix. Default: 64'],
}

const addresses: Options = {
  sourcerange: ['read', 'allow'],
  rejectstatuscode: ['read', 'status of allow: 403 or 404. Others are reported'],
  'ipstrategy.depth': ['left-out', byTrust],
  'ipstrategy.excludedips': ['left-out', byTrust],
  'ipstrategy.ipv6subnet': ['left-out', 'write whole ranges in sourcerange'],
}

/** The options of each kind that becomes filters. */
const options: Readonly<Record<string, Options>> = {
  addprefix: { prefix: ['read', 'path: add'] },
  basicauth: {
    users: ['read', 'users of basicAuth. Hashes by SHA-1 are not valid: the route is not served'],
    usersfile: ['left-out', `${inTraefik}: write users`],
    realm: ['read', 'realm. Default: traefik'],
    headerfield: ['read', 'userHeader'],
    removeheader: ['read', 'false, the default: forward: true'],
  },
  buffering: {
    maxrequestbodybytes: ['read', 'bodyLimit of the route'],
    memrequestbodybytes: ['read', 'memory of bufferRequest. Default: 1MiB'],
    maxresponsebodybytes: ['refused', 'answers of any length are passed on'],
    memresponsebodybytes: ['read', 'memory of bufferResponse. Default: 1MiB'],
    retryexpression: ['refused', 'Limpet retries by itself: write the middleware retry'],
  },
  chain: { middlewares: ['read', 'the middlewares that take its place, in their order'] },
  compress: {
    '': ['read', 'compress'],
    encodings: ['read', 'codings'],
    includedcontenttypes: ['read', 'types'],
    excludedcontenttypes: ['read', 'types: the usual ones without these'],
    minresponsebodybytes: ['read', 'from'],
    defaultencoding: ['ignored', 'clients that name no coding get answers as they are'],
  },
  forwardauth: {
    address: ['read', 'url of forwardAuth'],
    authresponseheaders: ['read', 'copy'],
    authresponseheadersregex: ['left-out', 'name the headers in authresponseheaders'],
    authrequestheaders: ['read', 'headers'],
    trustforwardheader: ['ignored', trustedHeaders],
    addauthcookiestoresponse: ['ignored', 'all cookies of its answer go to the client'],
    headerfield: ['ignored', 'it only names the user in the log of Traefik'],
    preservelocationheader: ['ignored', 'Location goes to the client as it is'],
    forwardbody: ['left-out', 'the service does not get the body'],
    maxbodysize: ['ignored', 'the service does not get the body'],
    maxresponsebodysize: ['ignored', 'an answer may have 128 kB'],
    preserverequestmethod: ['left-out', 'the service is asked by GET, and gets X-Forwarded-Method'],
    'tls.*': ['left-out', `${inTraefik}: the certificate of the service must be valid for the system`],
  },
  headers: {
    'customrequestheaders.*': [
      'read',
      'set of the request; remove where it is empty. Host: host. Reported for those that Limpet sets itself',
    ],
    'customresponseheaders.*': ['read', 'set of the response; remove where it is empty'],
    accesscontrolalloworiginlist: ['read', 'origins of cors. *: any. https://*.example.org is every name below it'],
    accesscontrolalloworiginlistregex: [
      'refused',
      'name the origins in accesscontrolalloworiginlist: https://*.example.org is every name below it',
    ],
    accesscontrolallowmethods: ['read', 'methods of cors'],
    accesscontrolallowheaders: ['read', 'headers of cors. *: any'],
    accesscontrolallowcredentials: ['read', 'credentials of cors'],
    accesscontrolexposeheaders: ['read', 'expose of cors'],
    accesscontrolmaxage: ['read', 'maxAge of cors. Default: 0'],
    addvaryheader: ['ignored', 'Vary: Origin is there whenever it is needed'],
    stsseconds: ['read', 'Strict-Transport-Security'],
    stsincludesubdomains: ['read', 'includeSubDomains in it'],
    stspreload: ['read', 'preload in it'],
    forcestsheader: ['ignored', 'Strict-Transport-Security is in all answers; browsers ignore it in those without TLS'],
    framedeny: ['read', 'X-Frame-Options: DENY'],
    customframeoptionsvalue: ['read', 'X-Frame-Options'],
    contenttypenosniff: ['read', 'X-Content-Type-Options: nosniff'],
    browserxssfilter: ['read', 'X-XSS-Protection: 1; mode=block'],
    custombrowserxssvalue: ['read', 'X-XSS-Protection'],
    contentsecuritypolicy: ['read', 'Content-Security-Policy'],
    contentsecuritypolicyreportonly: ['read', 'Content-Security-Policy-Report-Only'],
    referrerpolicy: ['read', 'Referrer-Policy'],
    permissionspolicy: ['read', 'Permissions-Policy'],
    featurepolicy: ['read', 'Feature-Policy'],
    publickey: ['read', 'Public-Key-Pins'],
    allowedhosts: ['left-out', 'write the hosts in the rule of the router'],
    hostsproxyheaders: ['ignored', trustedHeaders],
    'sslproxyheaders.*': ['ignored', trustedHeaders],
    sslredirect: ['read', 'redirect to https'],
    ssltemporaryredirect: ['read', 'status of that redirect: 307'],
    sslhost: ['read', 'host of that redirect'],
    sslforcehost: ['refused', 'requests by TLS are served at every host of the rule'],
    isdevelopment: ['read', 'no redirect to https, and no Strict-Transport-Security'],
  },
  inflightreq: {
    amount: ['read', 'limit of concurrencyLimit, by header:host'],
    ...sources,
    'sourcecriterion.requesthost': ['ignored', 'that is the default'],
  },
  ipallowlist: addresses,
  ipwhitelist: addresses,
  ratelimit: {
    average: ['read', 'rate of rateLimit, by client.address. 0: no limit'],
    period: ['read', 'the time of the rate. Default: 1s'],
    burst: ['read', 'one more than burst. Default: 1'],
    ...sources,
    'redis.*': ['ignored', 'all workers count together; another Limpet counts by itself'],
  },
  redirectregex: {
    regex: ['read', 'pattern of redirect'],
    replacement: ['read', 'to of redirect'],
    permanent: ['read', 'status 308. Default: 307'],
  },
  redirectscheme: {
    scheme: ['read', 'redirect to https or http'],
    port: ['read', 'port of the address'],
    permanent: ['read', 'status 308. Default: 307'],
  },
  replacepath: { path: ['read', 'path: set. X-Replaced-Path has the one before'] },
  replacepathregex: {
    regex: ['read', 'path: pattern. It must begin with ^, or match up to the end'],
    replacement: ['read', 'path: to. X-Replaced-Path has the one before'],
  },
  retry: {
    attempts: ['read', 'retries.tries of the route'],
    timeout: ['read', 'retries.within of the route'],
    initialinterval: ['ignored', 'another server is asked at once'],
    maxrequestbodybytes: ['ignored', 'bodies up to 16 kB are kept for another try'],
    status: ['refused', 'write tryNext into defaults.filters of the configuration file'],
    disableretryonnetworkerror: ['refused', whole],
    retrynonidempotentmethod: ['refused', 'what a server may have acted upon is not repeated'],
  },
  stripprefix: {
    prefixes: ['read', 'path: strip, whole segments only'],
    forceslash: ['ignored', 'a path always begins with a slash'],
  },
  stripprefixregex: { regex: ['read', 'path: pattern. Servers get no X-Forwarded-Prefix'] },
}

/** Every option of the kinds that become filters. The order is that of the docs. */
export const middlewareKeys: readonly Key[] = Object.entries(options).flatMap(([kind, ofKind]) =>
  Object.entries(ofKind).map(([option, [meaning, why]]): Key => {
    return { key: `traefik.http.middlewares.NAME.${kind}${option === '' ? '' : `.${option}`}`, meaning, why }
  }),
)

/** The key of an option: `ratelimit.average`, in lower case. Undefined if Traefik knows none. */
export function optionKeyOf(written: string): Key | undefined {
  const [kind = '', ...rest] = written.split('.')
  const ofKind = options[kind]
  if (ofKind === undefined) return undefined
  const key = [rest.join('.'), `${rest.slice(0, -1).join('.')}.*`, `${rest[0]}.*`].find((each) =>
    Object.hasOwn(ofKind, each),
  )
  if (key === undefined) return undefined
  const [meaning, why] = ofKind[key]!
  return { key: `${kind}.${key}`, meaning, why }
}

/** The options of a kind. */
export function optionsOf(kind: string): string[] {
  return Object.keys(options[kind] ?? {})
}
