// The part of Intel's ipsec-mb that the benchmark uses: bursts of AES-128-CBC and HMAC-SHA1-96 jobs.

#include <intel-ipsec-mb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ESP_HEADER_LEN 24
#define IV_AT 8
#define IV_LEN 16
#define ICV_LEN 12
#define MAX_BURST 32

// What is computed once per association.
struct keys {
    DECLARE_ALIGNED(uint32_t encrypt[11 * 4], 16);
    DECLARE_ALIGNED(uint32_t decrypt[11 * 4], 16);
    DECLARE_ALIGNED(uint8_t ipad[IMB_SHA1_DIGEST_SIZE_IN_BYTES], 16);
    DECLARE_ALIGNED(uint8_t opad[IMB_SHA1_DIGEST_SIZE_IN_BYTES], 16);
};

// A packet from SPI to ICV.
struct packet {
    const struct keys *keys;
    uint8_t *octets;
    size_t len;
};

IMB_MGR *xs_new(void) {
    IMB_MGR *manager = alloc_mb_mgr(0);
    if (manager) {
        init_mb_mgr_auto(manager, NULL);
        if (imb_get_errno(manager)) {
            free_mb_mgr(manager);
            manager = NULL;
        }
    }
    return manager;
}

void xs_free(IMB_MGR *manager) { free_mb_mgr(manager); }

// The instruction set it chose: an IMB_ARCH.
int xs_arch(const IMB_MGR *manager) { return (int)manager->used_arch; }

struct keys *xs_keys_new(IMB_MGR *manager, const uint8_t cipher[16], const uint8_t integrity[20]) {
    struct keys *keys = aligned_alloc(64, (sizeof *keys + 63) / 64 * 64);
    if (!keys)
        return NULL;
    IMB_AES_KEYEXP_128(manager, cipher, keys->encrypt, keys->decrypt);
    uint8_t block[64];
    for (int pad = 0; pad < 2; pad++) {
        memset(block, pad ? 0x5c : 0x36, sizeof block);
        for (int i = 0; i < 20; i++)
            block[i] ^= integrity[i];
        IMB_SHA1_ONE_BLOCK(manager, block, pad ? keys->opad : keys->ipad);
    }
    return keys;
}

void xs_keys_free(struct keys *keys) { free(keys); }

static void fill(IMB_JOB *job, const struct packet *packet, uint8_t *icv, int seal) {
    uint8_t *octets = packet->octets;
    size_t covered = packet->len - ICV_LEN;
    job->enc_keys = packet->keys->encrypt;
    job->dec_keys = packet->keys->decrypt;
    job->key_len_in_bytes = 16;
    job->src = octets;
    job->dst = octets + ESP_HEADER_LEN;
    job->cipher_start_src_offset_in_bytes = ESP_HEADER_LEN;
    job->msg_len_to_cipher_in_bytes = covered - ESP_HEADER_LEN;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_hash_in_bytes = covered;
    job->iv = octets + IV_AT;
    job->iv_len_in_bytes = IV_LEN;
    job->auth_tag_output = icv;
    job->auth_tag_output_len_in_bytes = ICV_LEN;
    job->u.HMAC._hashed_auth_key_xor_ipad = packet->keys->ipad;
    job->u.HMAC._hashed_auth_key_xor_opad = packet->keys->opad;
    job->cipher_mode = IMB_CIPHER_CBC;
    job->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    job->hash_alg = IMB_AUTH_HMAC_SHA_1;
    job->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job->user_data = NULL;
}

// Computed in constant time, as who compares ICVs must.
static int differ(const uint8_t *a, const uint8_t *b) {
    uint64_t a_head, b_head;
    uint32_t a_tail, b_tail;
    memcpy(&a_head, a, 8), memcpy(&b_head, b, 8);
    memcpy(&a_tail, a + 8, 4), memcpy(&b_tail, b + 8, 4);
    return ((a_head ^ b_head) | (uint64_t)(a_tail ^ b_tail)) != 0;
}

// Seals or opens the packets of one burst; how many came out right. The burst API, without its checks of parameters, was the
// fastest way into the library: the job API took up to 17 % more.
int xs_burst(IMB_MGR *manager, const struct packet *packets, uint32_t count, int seal) {
    IMB_JOB *jobs[MAX_BURST];
    uint8_t computed[MAX_BURST][16];
    if (count > MAX_BURST)
        return -1;
    while (IMB_GET_NEXT_BURST(manager, count, jobs) < count)
        IMB_FLUSH_BURST(manager, count, jobs);
    for (uint32_t i = 0; i < count; i++) {
        const struct packet *packet = &packets[i];
        fill(jobs[i], packet, seal ? packet->octets + packet->len - ICV_LEN : computed[i], seal);
    }
    uint32_t done = 0, good = 0, returned = IMB_SUBMIT_BURST_NOCHECK(manager, count, jobs);
    for (;;) {
        for (uint32_t i = 0; i < returned; i++)
            good += jobs[i]->status == IMB_STATUS_COMPLETED;
        done += returned;
        if (done >= count)
            break;
        returned = IMB_FLUSH_BURST(manager, count - done, jobs);
        if (!returned)
            return -2;
    }
    for (uint32_t i = 0; i < count && !seal; i++)
        good -= differ(computed[i], packets[i].octets + packets[i].len - ICV_LEN);
    return (int)good;
}
