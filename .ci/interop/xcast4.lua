-- Shows tshark the way past an Xcast4 header (RFC 5058 §9.2.2, protocol 253 of the RFC 4727 experiment). What follows is
-- for tshark's own dissectors.
local xcast4 = Proto("xcast4", "Explicit Multicast for IPv4")

function xcast4.dissector(buffer, pinfo, tree)
    local length = buffer(9, 1):uint() * 4
    tree:add(xcast4, buffer(0, length))
    local following = DissectorTable.get("ip.proto"):get_dissector(buffer(8, 1):uint())
    if following then
        following:call(buffer(length):tvb(), pinfo, tree)
    end
end

DissectorTable.get("ip.proto"):add(253, xcast4)
