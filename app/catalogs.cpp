#include "app/catalogs.hpp"

#include "ai/train.hpp"
#include "app/study.hpp"
#include "phantoms/phantom.hpp"
#include "recon/beamformer.hpp"
#include "recon/image_filter.hpp"
#include "recon/metrics.hpp"
#include "sim/engine.hpp"
#include "transducers/probe.hpp"
#include "transducers/pulse.hpp"
#include "transducers/response.hpp"
#include "transducers/sequence.hpp"

namespace sonoforge {

std::vector<const Catalog*> all_catalogs() {
  return {&phantom_catalog(),  &tissue_catalog(),   &shape_catalog(),  &probe_catalog(),      &response_catalog(),
          &pulse_catalog(), &sequence_catalog(), &engine_catalog(), &beamformer_catalog(), &image_filter_catalog(), &metric_catalog(),
          &task_catalog(),     &model_catalog(),    &loss_catalog(),   &optimizer_catalog(),
          &schedule_catalog(), &augmentation_catalog(), &study_catalog()};
}

}  // namespace sonoforge
