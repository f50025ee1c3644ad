/** The seam between an exchange and its client: the suite for streams of HTTP/2. */
import { http2 } from './downstream/http2-client.ts'
import { downstreamConformance } from './downstream-conformance.ts'

downstreamConformance(http2)
