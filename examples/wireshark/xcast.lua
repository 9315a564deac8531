-- Wireshark shows Explicit Multicast: Xcast4 and Xcast6 (RFC 5058 §9), the Ports option, the separated bitmap
-- (draft-paridaens-xcast-sec-framework-01 §3.2), semi-permeable tunnels (RFC 5058 §11.3), and XCAST6 2.0 as it was
-- deployed before the RFC. One file for Wireshark 4.0 and newer (Lua 5.2 to 5.4): copy it into the personal Lua plugins
-- folder, which Help → About Wireshark → Folders names, and press Ctrl+Shift+L or start Wireshark anew.
--
--   xcast                              everything there is here
--   xcast.pending.ipv6 == 2001:db8::2  packets that still have that receiver to serve
--   xcast.left < xcast.count           packets that were branched on the way
--   _ws.expert.message contains "Xcast" and _ws.expert.severity == error    what a receiver or a router refuses
--
-- No code point is assigned to Xcast. Those of the RFC 4727 experiment are preset; Preferences → Protocols → XCAST has
-- all of them.
--
-- How it hangs together. Xcast4 is an IP protocol: its dissector is called by Wireshark's for IPv4 or AH, and calls
-- that of what follows. Xcast6 is a Routing header: Wireshark's dissector calls ours, with what follows the first four
-- octets of the header, and goes on by itself. Both need more of the packet than they are handed (options in front, the
-- Ports option behind): they find the IP header as Wireshark's `ip` or `ipv6` field, and read the packet from there. A
-- post-dissector looks at what reaches no dissector: fragments, the tunnel option, headers in front of which Wireshark
-- broke off.
--
-- The reading (part 3) is of strings of octets and knows nothing of Wireshark. Offsets count from 0, at the IP header.

-- 1. Protocols and preferences ----------------------------------------------------------------------------------------

local xcast = Proto("xcast", "Explicit Multicast (Xcast)")
local xcast4 = Proto("xcast4", "Explicit Multicast for IPv4")
local xcast6 = Proto("xcast6", "Explicit Multicast for IPv6")

local prefs = xcast.prefs
prefs.xcast4_protocol = Pref.uint("Xcast4: IP protocol", 253, "IPv4 protocol number of Xcast4 (RFC 5058 §9.2.1)")
prefs.xcast6_routing_type = Pref.uint("Xcast6: Routing Type", 253, "IPv6 Routing Type of Xcast6 (RFC 5058 §9.3.2.1)")
prefs.routers_v4 = Pref.string("All_Xcast_Routers, IPv4", "224.0.0.254", "Group that Xcast4 packets go to")
prefs.routers_v6 = Pref.string("All_Xcast_Routers, IPv6", "ff02::114", "Group that Xcast6 packets go to")
prefs.ports_option = Pref.uint("Ports option", 0x5e, "Destination option that holds the ports (RFC 5058 §9.3.2.2)")
prefs.tunnel_option = Pref.uint("Semi-permeable tunnel option", 0x1e, "Hop-by-Hop option (RFC 5058 §11.3)")
prefs.bitmap_option_v4 = Pref.uint("Bitmap option, IPv4", 158, "IPv4 option with a separated bitmap (draft §3.2.1)")
prefs.bitmap_option_v6 = Pref.uint("Bitmap option, IPv6", 0x3e, "Hop-by-Hop option with one (draft §3.2.2)")
prefs.v2_routing_type = Pref.uint("XCAST6 2.0: Routing Type", 253, "IPv6 Routing Type of XCAST6 2.0")
prefs.v2_group = Pref.string("XCAST6 2.0: group", "ff0e::114", "Destination of the inner IPv6 header of XCAST6 2.0")
prefs.v2_mark = Pref.string("XCAST6 2.0: mark", "65c58000", 
    "First four octets of the outer IPv6 header, in hexadecimal, without ECN")
prefs.check_checksum = Pref.bool("Validate the Xcast checksum", true, "Whether CHECKSUM is validated")

-- 2. Fields and expert notes ------------------------------------------------------------------------------------------

local PROTOCOLS = {
    [0] = "Hop-by-Hop", [1] = "ICMP", [4] = "IPv4", [6] = "TCP", [17] = "UDP", [41] = "IPv6", [43] = "Routing",
    [44] = "Fragment", [50] = "ESP", [51] = "AH", [58] = "ICMPv6", [59] = "No Next Header",
    [60] = "Destination Options", [132] = "SCTP", [136] = "UDP-Lite",
}
local DSCPS = { [44] = "Voice Admit", [46] = "EF" }
for class = 0, 7 do DSCPS[8 * class] = "CS" .. class end
for class = 1, 4 do
    for drop = 1, 3 do DSCPS[8 * class + 2 * drop] = string.format("AF%d%d", class, drop) end
end
local GOOD, BAD, UNVERIFIED = 1, 0, 2
local STATUS = { [BAD] = "Bad", [GOOD] = "Good", [UNVERIFIED] = "Unverified" }

-- The same abbreviation twice: the bit stands elsewhere in XCAST6 2.0.
local f = {
    format = ProtoField.string("xcast.format", "Format"),
    version = ProtoField.uint8("xcast.version", "Version", base.DEC, nil, 0xf0),
    a = ProtoField.bool("xcast.flags.a", "A (anonymous)", 8, nil, 0x08),
    x = ProtoField.bool("xcast.flags.x", "X (do not turn into unicast)", 8, nil, 0x04),
    d = ProtoField.bool("xcast.flags.d", "D (DSCPs)", 8, nil, 0x02),
    p = ProtoField.bool("xcast.flags.p", "P (ports)", 8, nil, 0x01),
    p_option = ProtoField.bool("xcast.flags.p", "P (ports, implied by their option)"),
    r = ProtoField.bool("xcast.flags.r", "R (reserved)", 8, nil, 0x80),
    count = ProtoField.uint8("xcast.count", "Number of destinations", base.DEC, nil, 0x7f),
    checksum = ProtoField.uint16("xcast.checksum", "Checksum", base.HEX),
    checksum_status = ProtoField.uint8("xcast.checksum.status", "Checksum status", base.DEC, STATUS),
    channel = ProtoField.bytes("xcast.channel", "Channel identifier"),
    next = ProtoField.uint8("xcast.next", "Next protocol", base.DEC, PROTOCOLS),
    length = ProtoField.uint8("xcast.length", "Length in 4-octet words", base.DEC),
    header_len = ProtoField.uint16("xcast.header_len", "Header length in octets", base.DEC),
    resv = ProtoField.uint16("xcast.resv", "Reserved", base.HEX),
    bitmap = ProtoField.bytes("xcast.bitmap", "Bitmap"),
    bitmap_place = ProtoField.string("xcast.bitmap.place", "Place of the bitmap"),
    left = ProtoField.uint8("xcast.left", "Destinations left", base.DEC),
    destination = ProtoField.none("xcast.destination", "Destination"),
    dst_ipv4 = ProtoField.ipv4("xcast.dst.ipv4", "Address"),
    dst_ipv6 = ProtoField.ipv6("xcast.dst.ipv6", "Address"),
    dst_left = ProtoField.bool("xcast.dst.left", "Left (bit set)"),
    dst_port = ProtoField.uint16("xcast.dst.port", "Port", base.DEC),
    dst_dscp = ProtoField.uint8("xcast.dst.dscp", "DSCP", base.DEC, DSCPS, 0xfc),
    dst_erased = ProtoField.bool("xcast.dst.erased", "Erased"),
    pending_ipv4 = ProtoField.ipv4("xcast.pending.ipv4", "Address that is left"),
    pending_ipv6 = ProtoField.ipv6("xcast.pending.ipv6", "Address that is left"),
    ports_option = ProtoField.bytes("xcast.ports_option", "Ports option"),
    tunnel = ProtoField.bytes("xcast.tunnel", "Semi-permeable tunnel option"),
    v2_a = ProtoField.bool("xcast.flags.a", "A (anonymous)", 8, nil, 0x80),
    v2_x = ProtoField.bool("xcast.flags.x", "X (do not turn into unicast)", 8, nil, 0x40),
    v2_count = ProtoField.uint8("xcast.count", "Number of destinations", base.DEC),
    v2_icmp_offset = ProtoField.uint8("xcast.v2.icmp_offset", "ICMP offset", base.DEC),
    v2_mark = ProtoField.bytes("xcast.v2.mark", "Mark in the outer header"),
}
xcast.fields = {}
for _, field in pairs(f) do table.insert(xcast.fields, field) end

local function note(name, text, group, severity)
    return ProtoExpert.new("xcast." .. name, "Xcast: " .. text, expert.group[group], expert.severity[severity])
end

-- ERROR: what a reader (malformed, checksum) or a router (protocol) of RFC 5058 refuses. WARN: what only some do.
local e = {
    truncated = note("truncated", "the packet ends before what its lengths announce", "MALFORMED", "ERROR"),
    fragment = note("fragment", "a fragment", "MALFORMED", "ERROR"),
    version = note("version.unsupported", "unsupported VERSION", "MALFORMED", "ERROR"),
    no_destination = note("count.zero", "no destination", "MALFORMED", "ERROR"),
    length = note("length.bad", "the header length does not fit the number of destinations and the flags",
        "MALFORMED", "ERROR"),
    segments_left = note("segments_left", "the fourth octet of the Routing header is not 0", "MALFORMED", "ERROR"),
    beyond = note("bitmap.beyond_count", "a bit beyond the number of destinations is set", "MALFORMED", "ERROR"),
    place = note("bitmap.place.bad", "the bitmap is in two places, or in none", "MALFORMED", "ERROR"),
    option_length = note("bitmap.option_length", "the bitmap option does not fit the number of destinations",
        "MALFORMED", "ERROR"),
    option_place = note("bitmap.option_place", "the bitmap option does not directly follow the fixed IPv4 header",
        "MALFORMED", "ERROR"),
    option_overrun = note("option.overrun", "an option runs past the end of its header", "MALFORMED", "ERROR"),
    option_repeated = note("option.repeated", "the bitmap or Ports option occurs twice", "MALFORMED", "ERROR"),
    padding = note("padding.nonzero", "padding is not zero", "MALFORMED", "ERROR"),
    ds = note("ds.low_bits", "a low bit of a DS octet is set", "MALFORMED", "ERROR"),
    port_count = note("ports_option.count", "the Ports option does not hold one port for each destination",
        "MALFORMED", "ERROR"),
    checksum = note("checksum.bad", "wrong checksum", "CHECKSUM", "ERROR"),
    source = note("source.unusable", "no packet can be routed back to the source", "PROTOCOL", "ERROR"),
    unusable = note("dst.unusable", "no packet can be routed to a destination", "PROTOCOL", "ERROR"),
    duplicate = note("dst.duplicate", "a destination occurs twice, both bits set", "PROTOCOL", "WARN"),
    nobody = note("left.none", "no destination is left", "PROTOCOL", "NOTE"),
    group = note("group.other", "not sent to All_Xcast_Routers", "PROTOCOL", "NOTE"),
    anonymous = note("anonymous.separated", "A=1 with a separated bitmap: the header could not stay unchanged",
        "PROTOCOL", "ERROR"),
    anonymous_ah = note("anonymous.ah", "A=1 in an Xcast4 header under AH", "PROTOCOL", "ERROR"),
    bitmap_ah = note("bitmap.under_ah", "AH covers the bitmap, which routers change", "PROTOCOL", "ERROR"),
    ah_behind = note("ah.behind_xcast4", "AH behind the Xcast4 header", "PROTOCOL", "ERROR"),
    elsewhere = note("place.bad", "the header is not where routers look for it", "PROTOCOL", "ERROR"),
    hop_by_hop = note("hop_by_hop.place", "a Hop-by-Hop header that does not directly follow the IPv6 header",
        "MALFORMED", "ERROR"),
    source_route = note("source_route", "a Routing header in front has segments left", "PROTOCOL", "ERROR"),
    x_clear = note("x_clear", "X=0 under AH or ESP, refused in transport mode: turned into unicast it would not verify",
        "PROTOCOL", "WARN"),
    tunnel = note("tunnel.bad", "a semi-permeable tunnel that is not one", "PROTOCOL", "ERROR"),
    tunnel_end = note("tunnel.destination", "the tunnel does not end at a final destination", "PROTOCOL", "WARN"),
    v2_mark = note("v2.mark.missing", "XCAST6 2.0 without the marked outer header", "PROTOCOL", "ERROR"),
    v2_count = note("v2.count.excess", "more than 126 destinations", "MALFORMED", "ERROR"),
    v2_reserved = note("v2.reserved", "a reserved bit is set", "MALFORMED", "ERROR"),
    v2_inner = note("v2.inner_length", "the inner packet does not fill the outer one", "MALFORMED", "ERROR"),
    v2_hop_limit = note("v2.hop_limit", "the inner Hop Limit is not 1", "MALFORMED", "ERROR"),
    v2_outer = note("v2.outer_destination", "the outer destination is not the first one that is left",
        "MALFORMED", "ERROR"),
}
xcast.experts = {}
for _, one in pairs(e) do table.insert(xcast.experts, one) end

-- 3. Reading: strings of octets ---------------------------------------------------------------------------------------

-- A packet: `octets` as far as captured and no further than `stop`, where it says to end.
local function u8(packet, at)
    return at >= 0 and packet.octets:byte(at + 1) or nil
end

local function u16(packet, at)
    local high, low = u8(packet, at), u8(packet, at + 1)
    return low and 256 * high + low
end

-- `len` octets, or nil if not all are there.
local function cut(packet, at, len)
    if at < 0 or len < 0 or at + len > #packet.octets then return nil end
    return packet.octets:sub(at + 1, at + len)
end

-- Neither the operators of Lua 5.3 nor the libraries of 5.2 are in all versions.
local function has_bit(octet, mask)
    return math.floor(octet / mask) % 2 == 1
end

local function round_up(number, unit)
    return number + -number % unit
end

local function is_zero(octets)
    return not octets:find("[^\0]")
end

-- What is in a header of the wrong length is not worth a word.
local CONTENTS = {
    beyond = true, padding = true, ds = true, unusable = true, duplicate = true, nobody = true, port_count = true,
}

-- Notes what is wrong, at the item `on` of the tree; with words of its own, if any, else with those of the note.
local function report(header, name, on, text, ...)
    if header.misshapen and CONTENTS[name] or header.has[name] and not text then return end
    text = text and string.format("Xcast: " .. text, ...)
    table.insert(header.problems, { note = e[name], on = on, text = text })
    header.has[name] = true
end

-- Bits of a bitmap, by index from 0; how many below `count` are set, and the first that is set beyond.
local function read_bits(octets, count, least_first)
    local bits, left, beyond = {}, 0, nil
    for index = 0, 8 * #octets - 1 do
        local position = index % 8
        if has_bit(octets:byte(math.floor(index / 8) + 1), 2 ^ (least_first and position or 7 - position)) then
            if index < count then
                bits[index], left = true, left + 1
            else
                beyond = beyond or index
            end
        end
    end
    return bits, left, beyond
end

-- One's complement sum.
local function sum16(octets)
    local sum = 0
    for at = 1, #octets, 2 do
        sum = sum + 256 * octets:byte(at) + (octets:byte(at + 1) or 0)
    end
    while sum > 0xffff do sum = sum % 0x10000 + math.floor(sum / 0x10000) end
    return sum
end

-- Why no packet is routed to or from an address, or nil. IPv4 mapped into IPv6 is judged as such.
local function unusable(address)
    if #address == 16 and address:sub(1, 12) == ("\0"):rep(10) .. "\255\255" then address = address:sub(13) end
    local first, second = address:byte(1, 2)
    if is_zero(address) then return "unspecified" end
    if #address == 4 then
        if first == 127 then return "loopback" end
        if first >= 224 and first <= 239 then return "multicast" end
        if address == "\255\255\255\255" then return "limited broadcast" end
        if first == 169 and second == 254 then return "link-local" end
    else
        if address == ("\0"):rep(15) .. "\1" then return "loopback" end
        if first == 255 then return "multicast" end
        if first == 254 and second >= 0x80 and second <= 0xbf then return "link-local" end
    end
    return nil
end

-- An extension header at `at`: where it ends, or nil if the packet ends before.
local function extension_end(packet, at)
    local units = u8(packet, at + 1)
    local stop = units and at + 8 * (units + 1)
    return stop and stop <= packet.stop and stop or nil
end

-- The option of type `kind` among those of IPv6 between `at` and `stop`: `{ at, len }`, len being that of the data.
-- With it there, padding must be zero. Reports to `header`.
local function find_option_v6(packet, at, stop, kind, header, on)
    local found, padding
    while at < stop do
        local type = u8(packet, at)
        if not type then break end
        local len = 0
        if type == 0 then
            at = at + 1
        else
            len = u8(packet, at + 1)
            if at + 2 > stop or len and at + 2 + len > stop then
                report(header, "option_overrun", on)
                break
            end
            if not len then break end
            if type == kind and found then
                report(header, "option_repeated", on)
            elseif type == kind then
                found = { at = at, len = len }
            elseif type == 1 and not is_zero(packet.octets:sub(at + 3, at + 2 + len)) then
                padding = true
            end
            at = at + 2 + len
        end
    end
    if found and padding then report(header, "padding", on, "the PadN beside an option is not zero") end
    return found
end

-- The bitmap option of IPv4.
local function find_option_v4(packet, stop, header)
    local at, found, padding = 20, nil, false
    while at < stop do
        local type, len = u8(packet, at), u8(packet, at + 1)
        if not type then break end
        if type == 0 then
            padding = not is_zero(packet.octets:sub(at + 1, stop))
            break
        elseif type == 1 then
            at = at + 1
        else
            if at + 2 > stop or len and (len < 2 or at + len > stop) then
                report(header, "option_overrun", "bitmap")
                break
            end
            if not len then break end
            if type == prefs.bitmap_option_v4 then
                if found then
                    report(header, "option_repeated", "bitmap")
                elseif at ~= 20 then
                    report(header, "option_place", "bitmap")
                end
                found = found or { at = at, len = len - 2 }
            end
            at = at + len
        end
    end
    if found and padding then
        report(header, "padding", "bitmap", "octets behind the end of the IPv4 options are not zero")
    end
    return found
end

local function new_header(packet, at, family, format)
    return { packet = packet, at = at, family = family, format = format, problems = {}, has = {}, destinations = {} }
end

-- Where the fields of an RFC 5058 header are, from its first octet (§9.2.2, §9.3.2).
local function layout(family, count, dscps, ports, separated)
    local unit, address_len = family == 4 and 4 or 8, family == 4 and 4 or 16
    local fixed = family == 4 and 12 or 24
    local bitmap_len = math.floor(round_up(count, 8 * unit) / 8)
    local l = { bitmap_at = fixed, bitmap_len = bitmap_len, address_len = address_len, separated = separated }
    l.addresses_at = fixed + (separated and 0 or l.bitmap_len)
    l.len = l.addresses_at + count * address_len
    if dscps then l.ds_at, l.len = l.len, l.len + round_up(count, unit) end
    if ports then l.ports_at, l.len = l.len, l.len + round_up(2 * count, unit) end
    return l
end

local function take_bitmap(header, at, len, least_first)
    local octets = cut(header.packet, at, len)
    if not octets then return end
    header.bitmap = { at = at, len = len }
    local beyond
    header.bits, header.left, beyond = read_bits(octets, header.count, least_first)
    if beyond then
        report(header, "beyond", "bitmap", "bit %d of %d destinations is set", beyond, header.count)
    end
end

local function take_destinations(header, at, address_len, stop)
    for index = 0, header.count - 1 do
        local here = at + index * address_len
        local address = here + address_len <= stop and cut(header.packet, here, address_len)
        if not address then break end
        local left = header.bits and header.bits[index] or false
        header.destinations[index + 1] = {
            at = here, len = address_len, address = address, left = left,
            erased = header.a and not left and is_zero(address),
        }
    end
end

-- What all destinations must be, whether their bits are set or not, and what no two may be.
local function judge_destinations(header)
    local seen = {}
    for index, destination in ipairs(header.destinations) do
        local why = not destination.erased and unusable(destination.address)
        if why then
            report(header, "unusable", index, "no packet can be routed to destination %d (%s)", index - 1, why)
        end
        if destination.left then
            local key = destination.address .. (destination.port or "")
            if seen[key] then
                report(header, "duplicate", index, "destination %d is destination %d again", index - 1, seen[key] - 1)
            end
            seen[key] = seen[key] or index
        end
    end
    if header.left == 0 and header.count > 0 then report(header, "nobody", "left") end
end

local function check_padding(header, at, stop)
    local octets = cut(header.packet, at, stop - at)
    if octets and not is_zero(octets) then
        report(header, "padding", nil, "padding at octet %d of the header is not zero", at - header.at)
    end
end

local function take_dscps_and_ports(header, l, stop)
    local at, count = header.at, header.count
    if l.ds_at then
        for index, destination in ipairs(header.destinations) do
            local here = at + l.ds_at + index - 1
            local octet = here < stop and u8(header.packet, here)
            if octet then
                destination.dscp, destination.dscp_at = math.floor(octet / 4), here
                if octet % 4 ~= 0 then
                    report(header, "ds", index, "a low bit of the DS octet of destination %d is set", index - 1)
                end
            end
        end
        check_padding(header, at + l.ds_at + count, math.min(stop, at + (l.ports_at or l.len)))
    end
    if l.ports_at then
        for index, destination in ipairs(header.destinations) do
            local here = at + l.ports_at + 2 * (index - 1)
            if here + 2 <= stop then destination.port, destination.port_at = u16(header.packet, here), here end
        end
        check_padding(header, at + l.ports_at + 2 * count, math.min(stop, at + l.len))
    end
end

-- The fixed part and what it says of the rest; true if there is a rest.
local function take_fixed(header)
    local packet, at = header.packet, header.at
    local is_v4 = header.family == 4
    local fixed = is_v4 and 12 or 24
    header.flags_at = at + (is_v4 and 0 or 4)
    local flags, count = u8(packet, header.flags_at), u8(packet, header.flags_at + 1)
    if header.flags_at >= packet.stop then report(header, "truncated") end
    if not flags then return false end
    header.version = math.floor(flags / 16)
    if header.version ~= 1 then
        report(header, "version", "version", "VERSION %d is not supported", header.version)
        return false
    end
    header.a, header.x, header.d = has_bit(flags, 8), has_bit(flags, 4), has_bit(flags, 2)
    header.p = is_v4 and has_bit(flags, 1)
    if packet.stop < at + fixed then report(header, "truncated") end
    if not count or #packet.octets < at + fixed then return false end
    header.count = count % 128
    header.is_fixed_there = true
    header.next = u8(packet, is_v4 and at + 8 or at)
    -- As announced: where what follows starts, whatever it should have been.
    header.len = is_v4 and 4 * u8(packet, at + 9) or 8 * (u8(packet, at + 1) + 1)
    if not is_v4 and u8(packet, at + 3) ~= 0 then report(header, "segments_left") end
    if header.count == 0 then report(header, "no_destination", "count") end
    if packet.stop < at + header.len then report(header, "truncated") end
    return true
end

-- Which of the two layouts the header has, and whether it should.
local function choose_layout(header, option)
    local function of(separated)
        return layout(header.family, header.count, header.d, header.p, separated)
    end
    local should, other = of(option ~= nil), of(option == nil)
    if header.len == should.len then return should end
    header.misshapen = true
    if header.len == other.len then
        report(header, "place", "length", option and "the bitmap is in an option, and the header has room for it"
            or "the bitmap is neither in the header nor in an option, or the length is wrong")
        return other
    end
    report(header, "length", "length", "the header has %d octets and should have %d", header.len, should.len)
    return should
end

local function judge_checksum(header, is_whole)
    header.status = UNVERIFIED
    if not prefs.check_checksum or not is_whole then return end
    local octets = cut(header.packet, header.at, header.len)
    local field = header.flags_at - header.at + 3
    if not octets or header.len < field + 1 then return end
    header.status = sum16(octets) == 0xffff and GOOD or BAD
    if header.status == BAD then
        local without = sum16(octets:sub(1, field - 1) .. "\0\0" .. octets:sub(field + 2))
        report(header, "checksum", "checksum", "wrong checksum, should be 0x%04x", 0xffff - without)
    end
end

-- An Xcast4 or Xcast6 header. `option` holds the bitmap if it is separated.
local function read_header(header, option, is_whole)
    if not take_fixed(header) then return header end
    judge_checksum(header, is_whole)
    if header.count == 0 then return header end
    local l = choose_layout(header, option)
    local stop = header.at + math.min(header.len, l.len)
    header.separated = l.separated or option ~= nil
    if option then
        if option.len ~= l.bitmap_len then
            report(header, "option_length", "bitmap",
                "the bitmap option holds %d octets and should hold %d", option.len, l.bitmap_len)
        end
        take_bitmap(header, option.at + 2, option.len)
    elseif not l.separated and header.at + l.addresses_at <= stop then
        take_bitmap(header, header.at + l.bitmap_at, l.bitmap_len)
    end
    take_destinations(header, header.at + l.addresses_at, l.address_len, stop)
    take_dscps_and_ports(header, l, stop)
    if header.a and header.separated then report(header, "anonymous", "a") end
    return header
end

-- The ports of Xcast6, directly behind the Routing header, and what follows them.
local function read_ports_option(header)
    local packet, at = header.packet, header.at + header.len
    local stop = extension_end(packet, at)
    header.behind = header.next
    if header.next ~= 60 then return end
    if not stop then
        if #packet.octets >= packet.stop then report(header, "truncated") end
        return
    end
    local option = find_option_v6(packet, at + 2, stop, prefs.ports_option, header, "ports")
    header.behind = u8(packet, at)
    if not option then return end
    header.p, header.ports = true, option
    if option.len ~= 2 * header.count then
        report(header, "port_count", "ports",
            "the Ports option holds %d octets for %d destinations", option.len, header.count)
    end
    for index, destination in ipairs(header.destinations) do
        local here = option.at + 2 * index
        if 2 * index <= option.len then destination.port, destination.port_at = u16(packet, here), here end
    end
    -- Another one in the headers behind.
    local kind, next_at = header.behind, stop
    while kind == 60 do
        local next_stop = extension_end(packet, next_at)
        if not next_stop then break end
        local scratch = new_header(packet, 0, 6)
        if find_option_v6(packet, next_at + 2, next_stop, prefs.ports_option, scratch) then
            report(header, "option_repeated", "ports")
            break
        end
        kind, next_at = u8(packet, next_at), next_stop
    end
end

-- XCAST6 2.0, from its Routing header on: no version, checksum, channel, DSCPs or ports; least significant bit first.
local function read_v2(header)
    local packet, at = header.packet, header.at
    if packet.stop < at + 24 then report(header, "truncated") end
    local count, flags, reserved = u8(packet, at + 4), u8(packet, at + 5), u8(packet, at + 7)
    if not reserved or packet.stop < at + 8 then return header end
    header.count, header.next, header.behind = count, u8(packet, at), u8(packet, at)
    header.len = 8 * (u8(packet, at + 1) + 1)
    header.a, header.x, header.is_fixed_there = has_bit(flags, 0x80), has_bit(flags, 0x40), true
    if u8(packet, at + 3) ~= 0 then report(header, "segments_left") end
    if flags % 64 ~= 0 or reserved ~= 0 then report(header, "v2_reserved") end
    header.misshapen = header.len ~= 24 + 16 * count
    if count == 0 then
        header.misshapen = true
        report(header, "no_destination", "count")
    elseif count > 126 then
        report(header, "v2_count", "count")
    elseif header.len ~= 24 + 16 * count then
        report(header, "length", "length", "the header has %d octets and should have %d", header.len, 24 + 16 * count)
    end
    if packet.stop < at + header.len then report(header, "truncated") end
    take_bitmap(header, at + 8, 16, true)
    take_destinations(header, at + 24, 16, at + header.len)
    return header
end

-- What XCAST6 2.0 wants of the two IPv6 headers. `outer` is a packet of its own.
local function judge_v2(header, outer, mark)
    local inner = header.packet
    if u8(inner, 7) ~= 1 then report(header, "v2_hop_limit") end
    local first = outer and cut(outer, 0, 4)
    if not first or u8(outer, 6) ~= 41 then
        report(header, "v2_mark")
        return
    end
    local second = first:byte(2)
    local unmarked = first:sub(1, 1) .. string.char(second - second % 64 + second % 16) .. first:sub(3)
    header.mark = unmarked == mark
    if not header.mark then report(header, "v2_mark") end
    if (u16(inner, 4) or 0) + 40 ~= outer.stop - 40 then report(header, "v2_inner") end
    for index, destination in ipairs(header.destinations) do
        if destination.left then
            if destination.address ~= cut(outer, 24, 16) then report(header, "v2_outer", index) end
            break
        end
    end
end

-- The addresses of the IP header.
local function judge_ends(header, source, destination, routers)
    local why = source and unusable(source)
    if why then report(header, "source", nil, "no packet can be routed back to the source (%s)", why) end
    if routers and destination ~= routers then report(header, "group") end
end

local function judge_ipsec(header, under_ah)
    local behind = header.behind or header.next
    if header.family == 4 then
        if under_ah and header.is_fixed_there and not header.separated then report(header, "bitmap_ah", "bitmap") end
        if under_ah and header.a then report(header, "anonymous_ah", "a") end
        if behind == 51 then report(header, "ah_behind", "next") end
    end
    if header.x == false and (under_ah or behind == 50 or behind == 51) then report(header, "x_clear", "x") end
end

-- Octets of an address in a preference, or nil.
local function ipv4_octets(text)
    local parts = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
    for index, part in ipairs(parts) do
        parts[index] = tonumber(part)
        if parts[index] > 255 then return nil end
    end
    return #parts == 4 and string.char(parts[1], parts[2], parts[3], parts[4]) or nil
end

local function ipv6_octets(text)
    local function groups(part)
        local octets = ""
        for group in part:gmatch("[^:]+") do
            local number = #group <= 4 and tonumber(group, 16)
            if not number then return ("\0"):rep(17) end
            octets = octets .. string.char(math.floor(number / 256), number % 256)
        end
        return octets
    end
    local head, tail = text:match("^(.-)::(.*)$")
    if not head then
        local octets = groups(text)
        return #octets == 16 and octets or nil
    end
    head, tail = groups(head), groups(tail)
    if #head + #tail > 14 then return nil end
    return head .. ("\0"):rep(16 - #head - #tail) .. tail
end

local function hex_octets(text)
    if #text ~= 8 or text:find("%X") then return nil end
    return (text:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- 4. Finding the rest of the packet -----------------------------------------------------------------------------------

local field_ip, field_ipv6 = Field.new("ip"), Field.new("ipv6")
local field_routing = Field.new("ipv6.routing")
local field_icmp, field_icmpv6 = Field.new("icmp"), Field.new("icmpv6")

-- A packet that starts at octet `start` of `tvb`, and says to end `len` octets further (nil: where `tvb` ends).
local function packet_at(tvb, start, len)
    local announced = tvb:reported_len() - start
    local stop = math.min(len or announced, announced)
    local captured = math.min(tvb:len() - start, stop)
    return { tvb = tvb, start = start, stop = stop, octets = captured > 0 and tvb:raw(start, captured) or "" }
end

-- The packet whose IP header Wireshark found as `info`; nil if it is none.
local function packet_of(info, version)
    local tvb = info and info.source
    if not tvb or info.offset >= tvb:len() then return nil end
    local packet = packet_at(tvb, info.offset)
    local first = u8(packet, 0)
    if not first or math.floor(first / 16) ~= version then return nil end
    local len = u16(packet, version == 4 and 2 or 4)
    -- 0: left to the network card, or a jumbogram.
    if len and len > 0 then packet = packet_at(tvb, info.offset, version == 4 and len or len + 40) end
    return packet
end

-- Whether an ICMP error quotes the packet: what it cuts off is not missing.
local function is_quoted(packet)
    for _, field in ipairs({ field_icmp, field_icmpv6 }) do
        for _, info in ipairs({ field() }) do
            if info.offset < packet.start and info.source and info.source:len() == packet.tvb:len() then return true end
        end
    end
    return false
end

-- Walks IPv4 to what follows the header, or an AH behind it.
local function walk_v4(packet)
    local first, protocol, flags = u8(packet, 0), u8(packet, 9), u16(packet, 6)
    if not protocol then return nil end
    local walk = { header_len = 4 * (first % 16), fragment = flags % 0x4000 ~= 0, offset = flags % 0x2000 }
    walk.at, walk.protocol = walk.header_len, protocol
    if protocol == 51 and walk.offset == 0 then
        local next, len = u8(packet, walk.at), u8(packet, walk.at + 1)
        if not len or len == 0 then return walk end
        walk.ah, walk.protocol, walk.at = true, next, walk.at + 4 * (len + 2)
    end
    return walk
end

local function is_xcast_type(type)
    return type == prefs.xcast6_routing_type or type == prefs.v2_routing_type
end

-- Walks IPv6 to the Routing header at `wanted`, or to the first that may be Xcast's; nil if there is no way there.
local function walk_v6(packet, wanted)
    local kind, at = u8(packet, 6), 40
    local walk = {}
    while kind and at < (wanted or packet.stop) do
        if not wanted and kind == 43 and is_xcast_type(u8(packet, at + 2)) then
            wanted = at
            break
        end
        local stop
        if kind == 0 or kind == 60 or kind == 43 then
            stop = extension_end(packet, at)
            if kind == 0 and at == 40 then
                walk.hop_by_hop = { at = at, stop = stop }
            elseif kind == 0 then
                walk.misplaced = true
            end
            if kind == 43 and u8(packet, at + 3) ~= 0 then walk.segments_left = true end
        elseif kind == 51 then
            walk.ah = true
            stop = at + 4 * ((u8(packet, at + 1) or 0) + 2)
        end
        if not stop then return nil end
        kind, at = u8(packet, at), stop
    end
    if kind ~= 43 or at ~= wanted then return nil end
    walk.at = at
    return walk
end

-- 5. Showing ----------------------------------------------------------------------------------------------------------

-- The part of the packet that is there; at least one octet, as Wireshark cannot point at nothing.
local function range(packet, at, len)
    local there = #packet.octets
    if there == 0 then return nil end
    at = math.max(0, math.min(at, there - 1))
    return packet.tvb:range(packet.start + at, math.max(1, math.min(len, there - at)))
end

local function add(tree, field, packet, at, len, ...)
    local octets = range(packet, at, len)
    return octets and tree:add(field, octets, ...)
end

local function generated(item)
    if item then item:set_generated() end
    return item
end

local function flags_of(header)
    return (header.a and "A" or "") .. (header.x and "X" or "") .. (header.d and "D" or "") .. (header.p and "P" or "")
end

-- "Xcast4 AX, 3 of 5 left", for the tree and the Info column.
local function summary(header)
    local text, flags = header.format, flags_of(header)
    if flags ~= "" then text = text .. " " .. flags end
    if header.left then
        text = text .. string.format(", %d of %d left", header.left, header.count)
    elseif header.count then
        text = text .. string.format(", %d destinations", header.count)
    end
    return text
end

local function show_destination(header, root, index)
    local packet, destination = header.packet, header.destinations[index]
    local octets = range(packet, destination.at, destination.len)
    local v4 = header.family == 4
    local text = tostring(v4 and octets:ipv4() or octets:ipv6())
    if destination.port then text = text .. ", port " .. destination.port end
    if destination.dscp then text = text .. ", DSCP " .. (DSCPS[destination.dscp] or destination.dscp) end
    if destination.erased then text = text .. ", erased" end
    if destination.left then text = text .. ", left" end
    local item = root:add(f.destination, octets)
    item:set_text(string.format("Destination %d: %s", index - 1, text))
    item:add(v4 and f.dst_ipv4 or f.dst_ipv6, octets)
    if header.bitmap then
        -- The octet with its bit.
        local place = math.min(math.floor((index - 1) / 8), math.max(0, header.bitmap.len - 1))
        generated(add(item, f.dst_left, packet, header.bitmap.at + place, 1, destination.left))
    end
    if destination.port then add(item, f.dst_port, packet, destination.port_at, 2) end
    if destination.dscp then add(item, f.dst_dscp, packet, destination.dscp_at, 1) end
    generated(item:add(f.dst_erased, octets, destination.erased or false))
    if destination.left then
        local pending = generated(item:add(v4 and f.pending_ipv4 or f.pending_ipv6, octets))
        pending.hidden = true
    end
    return item
end

-- The fixed part of RFC 5058. Returns the items by name.
local function show_fixed(header, root)
    local packet, at, flags_at = header.packet, header.at, header.flags_at
    local items = {}
    if not header.version then return items end
    items.version = add(root, f.version, packet, flags_at, 1)
    if header.version ~= 1 or not header.is_fixed_there then return items end
    items.a = add(root, f.a, packet, flags_at, 1)
    items.x = add(root, f.x, packet, flags_at, 1)
    add(root, f.d, packet, flags_at, 1)
    if header.family == 4 then
        add(root, f.p, packet, flags_at, 1)
    else
        generated(add(root, f.p_option, packet, header.ports and header.ports.at or flags_at, 1, header.p))
    end
    add(root, f.r, packet, flags_at + 1, 1)
    items.count = add(root, f.count, packet, flags_at + 1, 1)
    items.checksum = add(root, f.checksum, packet, flags_at + 2, 2)
    items.checksum:append_text(" [" .. STATUS[header.status]:lower() .. "]")
    generated(add(items.checksum, f.checksum_status, packet, flags_at + 2, 2, header.status))
    add(root, f.channel, packet, flags_at + 4, header.family == 4 and 4 or 16)
    if header.family == 4 then
        items.next = add(root, f.next, packet, at + 8, 1)
        items.length = add(root, f.length, packet, at + 9, 1)
        add(root, f.resv, packet, at + 10, 2)
    else
        items.next = add(root, f.next, packet, at, 1)
    end
    return items
end

local function show_fixed_v2(header, root, outer)
    local packet, at = header.packet, header.at
    local items = {}
    if header.mark then add(root, f.v2_mark, outer, 0, 4) end
    if not header.is_fixed_there then return items end
    items.next = add(root, f.next, packet, at, 1)
    items.count = add(root, f.v2_count, packet, at + 4, 1)
    items.a = add(root, f.v2_a, packet, at + 5, 1)
    items.x = add(root, f.v2_x, packet, at + 5, 1)
    add(root, f.v2_icmp_offset, packet, at + 6, 1)
    return items
end

local function show(header, tree, proto, outer)
    local packet, at = header.packet, header.at
    local there = range(packet, at, header.len or packet.stop - at)
    if not there then return end
    tree:add(xcast, there).hidden = true
    local root = tree:add(proto, there, "Explicit Multicast: " .. summary(header))
    generated(root:add(f.format, there, header.format))
    local items = (outer ~= nil and show_fixed_v2 or show_fixed)(header, root, outer)
    if header.len then
        local item = generated(add(root, f.header_len, packet, header.family == 4 and at + 9 or at + 1, 1, header.len))
        items.length = items.length or item
    end
    if header.bitmap then
        items.bitmap = add(root, f.bitmap, packet, header.bitmap.at, header.bitmap.len)
        generated(add(items.bitmap, f.bitmap_place, packet, header.bitmap.at, header.bitmap.len,
            header.bitmap.at < at and "option" or "header"))
        items.left = generated(add(root, f.left, packet, header.bitmap.at, header.bitmap.len, header.left))
    end
    if header.ports then
        items.ports = add(root, f.ports_option, packet, header.ports.at, header.ports.len + 2)
    end
    for index in ipairs(header.destinations) do
        items[index] = show_destination(header, root, index)
    end
    for _, problem in ipairs(header.problems) do
        local item = items[problem.on] or root
        if problem.text then
            item:add_proto_expert_info(problem.note, problem.text)
        else
            item:add_proto_expert_info(problem.note)
        end
    end
end

-- 6. Dissectors -------------------------------------------------------------------------------------------------------

-- What was found in the frame at hand, for the post-dissector, which empties it.
local frame = { headers = {}, seen = {} }

local function start_frame(pinfo)
    if frame.number ~= pinfo.number then frame = { number = pinfo.number, headers = {}, seen = {} } end
end

-- Puts "Xcast4 X, 3 of 5 left, UDP: " in the Info column, fenced: who comes next writes behind it.
local function inform(pinfo, header)
    local behind, text = header.behind or header.next, summary(header)
    if behind then text = text .. ", " .. (PROTOCOLS[behind] or "protocol " .. behind) end
    pinfo.cols.info = text .. ": "
    pinfo.cols.info:fence()
    table.insert(frame.headers, header)
end

-- Octets of the preferences that are text.
local groups = {}

local function last(field)
    local all = { field() }
    return all[#all], all[#all - 1]
end

local function forget_truncation(header)
    local kept = {}
    for _, problem in ipairs(header.problems) do
        if problem.note ~= e.truncated then table.insert(kept, problem) end
    end
    header.problems = kept
end

-- What all Xcast4 headers get, however they were found.
local function finish_xcast4(header, ip, walk, tree)
    if walk and walk.fragment then report(header, "fragment") end
    judge_ipsec(header, walk and walk.ah)
    judge_destinations(header)
    if ip and is_quoted(ip) then forget_truncation(header) end
    show(header, tree, xcast4)
    return header
end

-- The Xcast4 header that `walk` leads to.
local function dissect_found_xcast4(ip, walk, tree)
    local header = new_header(ip, walk.at, 4, "Xcast4")
    local version = u8(ip, walk.at)
    local option
    -- A version to come may do otherwise with its options.
    if version and math.floor(version / 16) == 1 then option = find_option_v4(ip, walk.header_len, header) end
    read_header(header, option, not walk.fragment)
    judge_ends(header, cut(ip, 12, 4), cut(ip, 16, 4), groups.v4)
    return finish_xcast4(header, ip, walk, tree)
end

local function dissect_xcast4(tvb, tree)
    local info, info6 = last(field_ip), last(field_ipv6)
    if info6 and (not info or info6.offset > info.offset) then return nil end
    local ip = packet_of(info, 4)
    local walk = ip and walk_v4(ip)
    if ip then frame.seen[ip.start] = true end
    local here = tvb:raw(0, math.min(4, tvb:len()))
    if walk and walk.protocol == prefs.xcast4_protocol and walk.at == tvb:offset() - ip.start
        and cut(ip, walk.at, #here) == here then
        return dissect_found_xcast4(ip, walk, tree)
    end
    local header = read_header(new_header(packet_at(tvb, 0), 0, 4, "Xcast4"), nil, true)
    if walk and not walk.fragment then report(header, "elsewhere") end
    return finish_xcast4(header, ip, walk, tree)
end

function xcast4.dissector(tvb, pinfo, tree)
    if tvb:len() == 0 then return 0 end
    start_frame(pinfo)
    local header = dissect_xcast4(tvb, tree)
    if not header then return 0 end
    inform(pinfo, header)
    pinfo.cols.protocol = "Xcast4"
    local len = header.len or tvb:len()
    if len < 12 or len >= tvb:len() then return tvb:len() end
    local rest = tvb:range(len):tvb()
    local following = DissectorTable.get("ip.proto"):get_dissector(header.next) or Dissector.get("data")
    -- What goes wrong in there Wireshark has already shown, and reports as an error of ours once more.
    pcall(following.call, following, rest, pinfo, tree)
    return tvb:len()
end

-- The outer packet, if `outer` is the header directly in front of `inner`; else false.
local function outer_of(outer, inner)
    return outer and outer.offset == inner.offset - 40 and packet_of(outer, 6) or false
end

-- The packet and the walk to the Routing header that is being dissected, both from Wireshark's fields.
local function find_routing()
    local routing = last(field_routing)
    local inner, outer = last(field_ipv6)
    if not routing or not routing.source then return nil end
    local packet = packet_of(inner, 6)
    local is_same = packet and packet.tvb:len() == routing.source:len() and routing.offset > inner.offset
    local walk = is_same and walk_v6(packet, routing.offset - packet.start)
    if walk then return packet, walk.at, walk, outer_of(outer, inner) end
    return packet_at(routing.source, routing.offset), 0, nil, false
end

local function dissect_v2(packet, at, outer, tree)
    local header = read_v2(new_header(packet, at, 6, "XCAST6 2.0"))
    if at ~= 40 then report(header, "elsewhere") end
    judge_v2(header, outer or nil, groups.mark)
    judge_destinations(header)
    if is_quoted(packet) then forget_truncation(header) end
    show(header, tree, xcast6, outer)
    return header
end

-- The Routing header at `at`; `walk` is nil if routers would not come by there. Returns nil if it is not Xcast's.
local function dissect_routing(packet, at, walk, outer, tree)
    local type = u8(packet, at + 2)
    if walk and type == prefs.v2_routing_type and groups.v2 and cut(packet, 24, 16) == groups.v2 then
        return dissect_v2(packet, at, outer, tree)
    end
    if type ~= prefs.xcast6_routing_type then return nil end
    local header = new_header(packet, at, 6, "Xcast6")
    local option
    local version = u8(packet, at + 4)
    local options = walk and walk.hop_by_hop
    -- A version to come may do otherwise with its options.
    if options and version and math.floor(version / 16) == 1 then
        option = find_option_v6(packet, options.at + 2, options.stop, prefs.bitmap_option_v6, header, "bitmap")
    end
    read_header(header, option, true)
    if header.len then read_ports_option(header) end
    if not walk or walk.ah then report(header, "elsewhere") end
    if walk then
        if walk.misplaced then report(header, "hop_by_hop") end
        if walk.segments_left then report(header, "source_route") end
        judge_ends(header, cut(packet, 8, 16), cut(packet, 24, 16), groups.v6)
    end
    judge_ipsec(header, false)
    judge_destinations(header)
    if is_quoted(packet) then forget_truncation(header) end
    show(header, tree, xcast6)
    return header
end

local function dissect_xcast6(tvb, tree)
    local packet, at, walk, outer = find_routing()
    if packet then
        if walk then frame.seen[packet.start] = true end
        return dissect_routing(packet, at, walk, outer, tree)
    end
    -- Nobody looks at the tree, only at the columns. The first four octets of the header are not handed to us.
    packet = packet_at(tvb, 0)
    packet.stop = packet.stop + 4
    local units = math.max(0, math.min(255, math.floor(packet.stop / 8) - 1))
    packet.octets = string.char(59, units, 0, 0) .. packet.octets
    return read_header(new_header(packet, 0, 6, "Xcast6"), nil, false)
end

function xcast6.dissector(tvb, pinfo, tree)
    start_frame(pinfo)
    local header = dissect_xcast6(tvb, tree)
    if not header then return 0 end
    inform(pinfo, header)
    return tvb:len()
end

-- Xcast4 that reached no dissector: fragments, and where Wireshark's own broke off.
local function show_missed_v4(tree)
    for _, info in ipairs({ field_ip() }) do
        local packet = packet_of(info, 4)
        local walk = packet and not frame.seen[packet.start] and not is_quoted(packet) and walk_v4(packet)
        if walk and walk.protocol == prefs.xcast4_protocol then
            if walk.fragment then
                local there = range(packet, 0, walk.header_len)
                tree:add(xcast, there).hidden = true
                local root = tree:add(xcast4, there, "Explicit Multicast: a fragment of Xcast4")
                root:add_proto_expert_info(e.fragment)
            else
                table.insert(frame.headers, dissect_found_xcast4(packet, walk, tree))
            end
        end
    end
end

-- Xcast6 that reached no dissector, as Wireshark's own broke off.
local function show_missed_v6(tree)
    local outer
    for _, info in ipairs({ field_ipv6() }) do
        local packet = packet_of(info, 6)
        local walk = packet and not frame.seen[packet.start] and not is_quoted(packet) and walk_v6(packet)
        local header = walk and dissect_routing(packet, walk.at, walk, outer_of(outer, info), tree)
        if header then table.insert(frame.headers, header) end
        outer = info
    end
end

-- The semi-permeable tunnels of IPv6 (RFC 5058 §11.3).
local function show_tunnels(tree)
    for _, info in ipairs({ field_ipv6() }) do
        local packet = packet_of(info, 6)
        local stop = packet and u8(packet, 6) == 0 and extension_end(packet, 40)
        local scratch = packet and new_header(packet, 40, 6)
        local option = stop and find_option_v6(packet, 42, stop, prefs.tunnel_option, scratch)
        if option then
            local there = range(packet, 40, stop - 40)
            tree:add(xcast, there).hidden = true
            local root = tree:add(xcast6, there, "Explicit Multicast: semi-permeable tunnel")
            local item = add(root, f.tunnel, packet, option.at, option.len + 2)
            if option.len ~= 0 or u8(packet, 40) ~= 41 or scratch.has.option_repeated then
                item:add_proto_expert_info(e.tunnel)
            end
            for _, header in ipairs(frame.headers) do
                local inner = header.packet
                if inner.tvb and inner.tvb:len() == packet.tvb:len() and inner.start == packet.start + stop then
                    local is_member = false
                    for _, destination in ipairs(header.destinations) do
                        is_member = is_member or destination.address == cut(packet, 24, 16)
                    end
                    if not is_member then item:add_proto_expert_info(e.tunnel_end) end
                end
            end
        end
    end
end

-- After everybody else.
function xcast.dissector(_, pinfo, tree)
    start_frame(pinfo)
    show_missed_v4(tree)
    show_missed_v6(tree)
    show_tunnels(tree)
    frame = { headers = {}, seen = {} }
end

-- 7. Registration -----------------------------------------------------------------------------------------------------

-- Where the dissectors are registered, by table, number and protocol.
local registered = {}

local function register()
    for _, entry in ipairs(registered) do entry.table:remove(entry.number, entry.proto) end
    registered = {}
    local function enter(name, number, proto)
        if number < 1 or number > 255 then return end
        local entry = { table = DissectorTable.get(name), number = number, proto = proto }
        entry.table:add(number, proto)
        table.insert(registered, entry)
    end
    enter("ip.proto", prefs.xcast4_protocol, xcast4)
    enter("ipv6.routing.type", prefs.xcast6_routing_type, xcast6)
    if prefs.v2_routing_type ~= prefs.xcast6_routing_type then
        enter("ipv6.routing.type", prefs.v2_routing_type, xcast6)
    end
    groups = {
        v4 = ipv4_octets(prefs.routers_v4), v6 = ipv6_octets(prefs.routers_v6), v2 = ipv6_octets(prefs.v2_group),
        mark = hex_octets(prefs.v2_mark),
    }
end

xcast.prefs_changed = register
register()
register_postdissector(xcast)
